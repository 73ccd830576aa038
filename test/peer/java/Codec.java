import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * The Java client's own codec as a line server: one JSON object a line in, one out.
 *
 *	{"message": "FetchRequest", "version": 12, "hex": ".."}  gives  {"json": .., "hex": .., "left": bytes not read}
 *	{"message": .., "version": .., "json": ..}               gives  {"hex": ..}
 *	either with "to": 11                                     gives the hex of that version
 *	{"errors": true}                                         gives  {"errors": [{"code", "name", "retriable", ..}]}
 *
 * What Java refuses comes back as {"error": ".."}.  Records travel empty in the JSON form that comes out; heads are
 * the messages RequestHeader and ResponseHeader.
 */
public class Codec {
	private static final String[] PLACES = {
		"org.apache.kafka.common.message.%sData",		/* requests and responses */
		"org.apache.kafka.common.message.%s",			/* what travels inside bytes */
		"org.apache.kafka.coordinator.group.generated.%s",	/* records of the internal topics */
		"org.apache.kafka.coordinator.transaction.generated.%s",
	};
	private static final ObjectMapper MAPPER = new ObjectMapper();

	public static void main(String[] arguments) throws IOException {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

		for (String line; (line = in.readLine()) != null;) {
			System.out.println(MAPPER.writeValueAsString(answer(line)));
			System.out.flush();
		}
	}

	private static Class<?> find(String name) throws ClassNotFoundException {
		for (String place : PLACES) {
			try {
				return Class.forName(String.format(place, name));
			} catch (ClassNotFoundException next) {
				/* it lives elsewhere */
			}
		}
		throw new ClassNotFoundException(name);
	}

	private static ObjectNode answer(String line) {
		ObjectNode answer = MAPPER.createObjectNode();

		try {
			JsonNode question = MAPPER.readTree(line);

			if (question.has("errors"))
				errors(answer);
			else
				convert(question, answer);
		} catch (InvocationTargetException failure) {
			answer.put("error", String.valueOf(failure.getCause()));
		} catch (Exception failure) {
			answer.put("error", failure.toString());
		}
		return answer;
	}

	private static void convert(JsonNode question, ObjectNode answer) throws Exception {
		Class<?> data = find(question.get("message").asText());
		Class<?> converter = Class.forName(data.getName() + "JsonConverter");
		short version = (short) question.get("version").asInt();
		short to = question.has("to") ? (short) question.get("to").asInt() : version;
		Message message;

		if (question.has("hex")) {
			ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(question.get("hex").asText()));

			message = (Message) data.getDeclaredConstructor().newInstance();
			message.read(new ByteBufferAccessor(bytes), version);
			answer.put("left", bytes.remaining());
			answer.set("json", (JsonNode) converter.getMethod("write", data, short.class).invoke(null, message, version));
		} else {
			message = (Message) converter.getMethod("read", JsonNode.class, short.class)
				.invoke(null, question.get("json"), version);
		}
		ObjectSerializationCache cache = new ObjectSerializationCache();
		ByteBuffer out = ByteBuffer.allocate(message.size(cache, to));

		message.write(new ByteBufferAccessor(out), cache, to);
		answer.put("hex", HexFormat.of().formatHex(out.array()));
	}

	private static void errors(ObjectNode answer) {
		for (Errors error : Errors.values()) {
			ObjectNode row = answer.withArray("errors").addObject();

			row.put("code", error.code());
			row.put("name", error.name());
			row.put("retriable", error.exception() instanceof RetriableException);
			row.put("refresh", error.exception() instanceof InvalidMetadataException);
		}
	}
}
