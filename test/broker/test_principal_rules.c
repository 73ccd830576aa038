/* Rules that name certificates: what Kafka makes of the same rules and subjects, and that nothing takes for ever. */
#include <stdlib.h>

#include "base/check.h"
#include "broker/principal_rules.h"

/* "" when no rule applies. */
static void names(const char *rules_text, const char *subject, const char *wanted)
{
	struct principal_rules *rules;
	struct fault fault = { 0 };
	struct buffer name;

	if (principal_rules_new(view_text(rules_text), &rules, &fault) < 0)
		fail_msg("%s: %s", rules_text, fault.text);
	buffer_init(&name, 4096);
	if (principal_rules_name(rules, view_text(subject), &name))
		assert_string_equal(buffer_string(&name), wanted);
	else
		assert_string_equal("", wanted);
	buffer_done(&name);
	principal_rules_free(rules);
}

static void refused(const char *rules_text)
{
	struct principal_rules *rules = NULL;
	struct fault fault = { 0 };

	assert_int_equal(principal_rules_new(view_text(rules_text), &rules, &fault), ERR_CONFIG);
	assert_non_null(strstr(fault.text, "ssl.principal.mapping.rules"));
	assert_null(rules);
}

#define DUKE "CN=Duke,OU=ServiceUsers,O=Org,C=US"

static void rules_name_subjects(void **state)
{
	names("DEFAULT", DUKE, DUKE);
	names("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", DUKE, "Duke");
	names("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L", DUKE, "duke");
	names("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/U,DEFAULT", DUKE, "DUKE");
	names("RULE:^CN=(.*?), OU=(.*?), O=(.*?), L=(.*?), ST=(.*?), "
	      "C=(.*?)$/$1@$2/L,RULE:^.*[Cc]N=([a-zA-Z0-9.]*).*$/$1/L,DEFAULT",
	      "CN=JDoe, OU=Adm, O=Org, L=City, ST=Lo, C=US", "jdoe@adm");
	names("RULE:^OU=x$/$0/,RULE:^.*[Cc]N=([a-zA-Z0-9.]*).*$/$1/L,DEFAULT", DUKE, "duke");
	names("RULE:^OU=x$/y/", DUKE, "");
	names("RULE:^OU=x$/y/ , DEFAULT ", DUKE, DUKE);
	names(",, DEFAULT", DUKE, DUKE);
	/* A comma and a slash within a rule. */
	names("RULE:^CN=(.*?),OU=(.*?),.*$/$2,$1/", DUKE, "ServiceUsers,Duke");
	names("RULE:^CN=a\\/(.*)$/$1/", "CN=a/b", "b");
	names("RULE:^CN=(.*)$/x\\/$1/", "CN=b", "x/b");
	/* Groups that are not there stand for themselves; of a number too large the front counts. */
	names("RULE:^CN=(.*?),.*$/$1@$4/", DUKE, "Duke@$4");
	names("RULE:^CN=(.*?),.*$/$12/", DUKE, "Duke2");
	/* Each place where the pattern is found is replaced: an empty one is found behind the whole. */
	names("RULE:(.*)/[$1]/", "CN=a", "[CN=a][]");
}

static void what_is_no_rule_is_refused(void **state)
{
	refused("default");
	refused("RULE:^CN=(.*)$");
	refused("RULE:^CN=(.*)$/$1");
	refused("RULE:^CN=(.*$/$1/");
	refused("RULE:^CN=(.*)$/$1/X");
	refused("DEFAULT DEFAULT");
	refused("RULE:a/b/L RULE:c/d/");
}

static void a_pattern_that_never_ends_ends(void **state)
{
	char subject[2000] = "CN=";

	memset(subject + 3, 'a', sizeof subject - 4);
	names("RULE:^CN=(a|aa)+[bc]$/$1/,DEFAULT", subject, "");
	names("RULE:a/aaaaaaaaaaaaaaaaaaaa/", "b", "");
}

static void a_name_has_an_end(void **state)
{
	char subject[3000];

	memset(subject, 'a', sizeof subject - 1);
	subject[sizeof subject - 1] = 0;
	names("RULE:(?s)(.)*/$1/", "aaa", "a");
	names("RULE:a*?/$0/", "aaa", "aaa");
	names("RULE:(a*)/$1$1$1/", subject, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_name_subjects),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(a_pattern_that_never_ends_ends),
		cmocka_unit_test(a_name_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
