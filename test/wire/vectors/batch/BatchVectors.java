/*
 * BatchVectors.java - record batches as the Java client writes them, and beside each what it reads back.
 *
 *	javac -cp "kafka-clients-3.9.1.jar:..." BatchVectors.java && java -cp ... BatchVectors FOLDER
 *
 * With a NAME behind the folder it only tells what it makes of the NAME.bin that is there.
 *
 * 3.9.1 is the last that writes message formats 0 and 1.  The libraries of its codecs must be on the class path.  For
 * each NAME.bin there is a NAME.txt: a line for each batch, and indented below it one for each record.  Bytes are in
 * hex; more than 64 are #size:crc32c.
 */
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.*;

public class BatchVectors {
    static final long TIME = 1700000000000L;
    static Path folder;

    static String hex(ByteBuffer b) {
        if (b == null)
            return "null";
        if (b.remaining() > 64) {
            CRC32C sum = new CRC32C();
            sum.update(b.duplicate());
            return "#" + b.remaining() + ":" + Long.toHexString(sum.getValue());
        }
        StringBuilder s = new StringBuilder("x");
        for (int i = b.position(); i < b.limit(); i++)
            s.append(String.format("%02x", b.get(i)));
        return s.toString();
    }

    static String told(ByteBuffer bytes) {
        StringBuilder s = new StringBuilder();
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            batch.ensureValid();
            s.append(String.format("magic %d codec %d producer %d %d %d%s%s%s epoch %d\n", batch.magic(),
                batch.compressionType().id, batch.producerId(), batch.producerEpoch(),
                batch.hasProducerId() ? batch.baseSequence() : -1, batch.isTransactional() ? " transactional" : "",
                batch.isControlBatch() ? " control" : "",
                batch.timestampType() == TimestampType.LOG_APPEND_TIME ? " append" : "",
                batch.partitionLeaderEpoch()));
            for (org.apache.kafka.common.record.Record r : batch) {
                s.append(String.format("\t%d %d %s %s", r.offset(), r.timestamp(), hex(r.key()), hex(r.value())));
                for (Header h : r.headers())
                    s.append(" ").append(hex(ByteBuffer.wrap(h.key().getBytes(StandardCharsets.UTF_8)))).append("=")
                        .append(hex(h.value() == null ? null : ByteBuffer.wrap(h.value())));
                if (batch.isControlBatch()) {
                    ControlRecordType type = ControlRecordType.parse(r.key());
                    int epoch = type == ControlRecordType.COMMIT || type == ControlRecordType.ABORT
                        ? EndTransactionMarker.deserialize(r).coordinatorEpoch() : -1;
                    s.append(String.format(" type %d coordinator %d", type.ordinal(), epoch));
                }
                s.append("\n");
            }
        }
        return s.toString();
    }

    static void save(String name, ByteBuffer bytes) throws Exception {
        byte[] all = new byte[bytes.remaining()];
        bytes.duplicate().get(all);
        Files.write(folder.resolve(name + ".bin"), all);
        Files.write(folder.resolve(name + ".txt"), told(ByteBuffer.wrap(all)).getBytes(StandardCharsets.UTF_8));
    }

    static byte[] text(String s) {
        return s == null ? null : s.getBytes(StandardCharsets.UTF_8);
    }

    static Compression codec(String name) {
        return Compression.of(CompressionType.forName(name)).build();
    }

    /* Null and empty keys and values, headers where the format has them. */
    static void appendSmall(MemoryRecordsBuilder b, int magic) {
        Header[] headers = { new RecordHeader("id", text("17")), new RecordHeader("", null), new RecordHeader("id", text("")) };
        b.append(TIME, text("key"), text("value"));
        b.append(TIME + 3, text(null), text("no key"));
        b.append(TIME + 1, text("deleted"), text(null));
        b.append(TIME + 70000, text(""), text(""));
        b.append(TIME - 1, text(null), text(null));
        if (magic == 2)
            b.append(TIME + 5, text("with"), text("headers"), headers);
    }

    /* Enough for several blocks of each codec, yet few bytes once compressed. */
    static void appendLarge(MemoryRecordsBuilder b) {
        Random random = new Random(1);
        for (int i = 0; i < 300; i++)
            b.append(TIME + i, text("customer-" + i % 7), text(("{\"order\":" + i + ",\"state\":\"paid\"}")
                .repeat(1 + random.nextInt(30))));
    }

    static MemoryRecordsBuilder builder(int magic, String codec, TimestampType type, long offset, long producer,
                                        boolean transactional) {
        return MemoryRecords.builder(ByteBuffer.allocate(1 << 20), (byte) magic, codec(codec), type, offset,
            type == TimestampType.LOG_APPEND_TIME ? TIME + 999999 : RecordBatch.NO_TIMESTAMP, producer,
            (short) (producer < 0 ? -1 : 5), producer < 0 ? -1 : 77, transactional, magic == 2 ? 12 : -1);
    }

    static void one(String name, int magic, String codec, TimestampType type, boolean large) throws Exception {
        MemoryRecordsBuilder b = builder(magic, codec, type, 1000, magic == 2 && !large ? 4711 : -1, false);
        if (large)
            appendLarge(b);
        else
            appendSmall(b, magic);
        save(name, b.build().buffer());
    }

    static ByteBuffer join(List<ByteBuffer> parts) {
        ByteBuffer all = ByteBuffer.allocate(parts.stream().mapToInt(ByteBuffer::remaining).sum());
        parts.forEach(p -> all.put(p.duplicate()));
        all.flip();
        return all;
    }

    static ByteBuffer data(long offset, long producer) {
        MemoryRecordsBuilder b = builder(2, "none", TimestampType.CREATE_TIME, offset, producer, producer >= 0);
        b.append(TIME, text("a"), text("from " + producer));
        b.append(TIME, text("b"), text("from " + producer));
        return b.build().buffer();
    }

    static ByteBuffer marker(long offset, long producer, ControlRecordType type) {
        return MemoryRecords.withEndTransactionMarker(offset, TIME + 50, 12, producer, (short) 5,
            new EndTransactionMarker(type, 33)).buffer();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 2) {
            folder = Path.of(arguments[0]);
            save(arguments[1], ByteBuffer.wrap(Files.readAllBytes(folder.resolve(arguments[1] + ".bin"))));
            return;
        }
        folder = Path.of(arguments[0]);
        for (String codec : new String[] { "none", "gzip", "snappy", "lz4", "zstd" }) {
            one("v2-" + codec, 2, codec, TimestampType.CREATE_TIME, false);
            if (!codec.equals("none"))
                one("v2-" + codec + "-large", 2, codec, TimestampType.CREATE_TIME, true);
            if (codec.equals("zstd"))
                continue;
            for (int magic = 0; magic < 2; magic++) {
                one("v" + magic + "-" + codec, magic, codec, TimestampType.CREATE_TIME, false);
                if (!codec.equals("none"))
                    one("v" + magic + "-" + codec + "-large", magic, codec, TimestampType.CREATE_TIME, true);
            }
            one("v1-" + codec + "-append", 1, codec, TimestampType.LOG_APPEND_TIME, false);
        }
        one("v2-zstd-append", 2, "zstd", TimestampType.LOG_APPEND_TIME, false);

        List<ByteBuffer> parts = new ArrayList<>();
        parts.add(data(0, 1));
        parts.add(data(2, 2));
        parts.add(data(4, -1));
        parts.add(marker(6, 1, ControlRecordType.ABORT));
        parts.add(data(7, 1));
        parts.add(marker(9, 2, ControlRecordType.COMMIT));
        parts.add(marker(10, 1, ControlRecordType.COMMIT));
        save("v2-transactions", join(parts));

        MemoryRecordsBuilder b = builder(2, "lz4", TimestampType.CREATE_TIME, 500, -1, false);
        for (int i = 0; i < 5; i++)
            b.appendWithOffset(500 + i * i * 40, TIME + i, text("k" + i), text("compacted"));
        save("v2-gaps", b.build().buffer());

        save("v2-leader-change", MemoryRecords.withLeaderChangeMessage(40, TIME, 12, ByteBuffer.allocate(256),
            new LeaderChangeMessage().setLeaderId(3)).buffer());
    }
}
