import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Kafka's own command line tools, one after the other in one JVM: a JVM for each would cost a test a second apiece.
 * A line in, {"main": "org...Tool", "words": [...], "input": "..."}; a line out, {"status": 0, "out": "...", "err": "..."}.
 * The tools are those of the jars, untouched; only where they would end the JVM they end their run.
 */
public class Tools {
	/** Ends a tool's run where it meant to end the JVM.  Some catch it and leave once more, so the first word counts. */
	private static final class Left extends Error {
	}

	private static Integer left;
	private static final List<Runnable> last = new ArrayList<>();

	private static void leave(int status, String message) {
		left = left == null ? status : left;
		throw new Left();
	}

	/** Written to for as long as the JVM lives; Scala's println keeps the stream that it finds first. */
	private static final class Current extends OutputStream {
		ByteArrayOutputStream taken = new ByteArrayOutputStream();

		@Override
		public synchronized void write(int one) {
			taken.write(one);
		}

		@Override
		public synchronized void write(byte[] bytes, int from, int size) {
			taken.write(bytes, from, size);
		}

		synchronized String take() {
			String text = taken.toString(StandardCharsets.UTF_8);
			taken = new ByteArrayOutputStream();
			return text;
		}
	}

	private static int run(JsonNode asked) throws Exception {
		JsonNode listed = asked.get("words");
		String[] words = new String[listed.size()];

		for (int i = 0; i < words.length; i++)
			words[i] = listed.get(i).asText();
		left = null;
		System.setIn(new ByteArrayInputStream(asked.path("input").asText("").getBytes(StandardCharsets.UTF_8)));
		try {
			Class.forName(asked.get("main").asText()).getMethod("main", String[].class).invoke(null, (Object) words);
			return left == null ? 0 : left;
		} catch (InvocationTargetException thrown) {
			if (left != null)
				return left;
			thrown.getCause().printStackTrace();
			return 1;
		}
	}

	public static void main(String[] arguments) throws Exception {
		PrintStream answers = System.out;
		BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		ObjectMapper json = new ObjectMapper();
		Current out = new Current();
		Current err = new Current();

		System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
		System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
		Exit.setExitProcedure(Tools::leave);
		Exit.setHaltProcedure(Tools::leave);
		Exit.setShutdownHookAdder((name, work) -> last.add(work));
		for (String line; (line = questions.readLine()) != null;) {
			ObjectNode answer = json.createObjectNode();

			answer.put("status", run(json.readTree(line)));
			last.forEach(Runnable::run);	/* what the tool left for the end of its JVM: it sends what is unsent */
			last.clear();
			System.out.flush();
			System.err.flush();
			answer.put("out", out.take());
			answer.put("err", err.take());
			answers.println(json.writeValueAsString(answer));
			answers.flush();
		}
		System.exit(0);
	}
}
