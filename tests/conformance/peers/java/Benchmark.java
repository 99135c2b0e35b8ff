// Times the svix artifact of Maven; the protocol is told in ../../../benchmark/peers.py.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.svix.Webhook;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

public class Benchmark {
    static final ObjectMapper MAPPER = new ObjectMapper();

    static long run(Webhook webhook, boolean parse, String body, Map<String, List<String>> headers, int count)
            throws Exception {
        long read = 0, begin = System.nanoTime();
        for (int i = 0; i < count; ++i) {
            webhook.verify(body, headers);
            if (parse) {
                read += MAPPER.readTree(body).get("id").asText().length();
            }
        }
        long time = System.nanoTime() - begin;
        if (parse && read == 0) {
            throw new IllegalStateException("no id");
        }
        return time;
    }

    public static void main(String[] arguments) throws Exception {
        Webhook webhook = new Webhook(arguments[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            String body = Files.readString(Path.of(arguments[1], words[1] + ".json"));
            Map<String, List<String>> headers = Map.of(
                "svix-id", List.of(words[3]), "svix-timestamp", List.of(words[4]), "svix-signature", List.of(words[5]));
            System.out.println(run(webhook, words[0].equals("parse"), body, headers, Integer.parseInt(words[2])));
            System.out.flush();
        }
    }
}
