// The svix artifact of Maven, driven line by line; the protocol is told in ../peer.hpp.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.svix.Webhook;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class Peer {
    static final ObjectMapper MAPPER = new ObjectMapper();

    static String latin1(JsonNode base64) throws IOException {
        return new String(base64.binaryValue(), StandardCharsets.ISO_8859_1);
    }

    static Map<String, Object> answer(JsonNode request) throws Exception {
        Webhook webhook = new Webhook(latin1(request.get("secret")));
        String body = new String(request.get("body").binaryValue(), StandardCharsets.UTF_8);
        if (request.get("do").asText().equals("sign")) {
            return Map.of("signature",
                webhook.sign(request.get("id").asText(), request.get("timestamp").asLong(), body));
        }
        Map<String, List<String>> headers = new LinkedHashMap<>();
        for (JsonNode pair : request.get("headers")) {
            headers.computeIfAbsent(latin1(pair.get(0)).toLowerCase(), name -> new ArrayList<>()).add(latin1(pair.get(1)));
        }
        webhook.verify(body, headers);
        return Map.of("authentic", true);
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> result;
            try {
                result = answer(MAPPER.readTree(line));
            } catch (Exception error) {
                result = Map.of("refused", error.toString());
            }
            out.println(MAPPER.writeValueAsString(result));
            out.flush();
        }
    }
}
