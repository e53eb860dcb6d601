import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A producer and a consumer of nearline in Java: {@code Sample send TITLE VIEWER...}, {@code Sample lists}.
 *
 * <p>NEARLINE_BROKERS: address of Kafka (127.0.0.1:19092); NEARLINE_TOPIC_PREFIX: prefix of all topics.
 */
public final class Sample {
  private static final String BROKERS = setting("NEARLINE_BROKERS", "127.0.0.1:19092");
  private static final String PREFIX = setting("NEARLINE_TOPIC_PREFIX", "");
  private static final String EVENTS = PREFIX + "viewing.events.v1";
  private static final String HOME = PREFIX + "recs.home.v1";
  private static final ObjectMapper JSON = new ObjectMapper();

  private Sample() {}

  public static void main(String[] words) throws Exception {
    if (words.length > 2 && words[0].equals("send")) {
      send(words[1], List.of(words).subList(2, words.length));
    } else if (words.length == 1 && words[0].equals("lists")) {
      lists();
    } else {
      System.err.println("Sample send TITLE VIEWER... | Sample lists");
      System.exit(2);
    }
  }

  /** Sends a stop event for each viewer: fifty minutes of a title watched. */
  private static void send(String title, List<String> viewers) throws Exception {
    // defaults: the partitioner is murmur2 of the key, idempotence is on, acks=all
    Map<String, Object> properties = Map.of("bootstrap.servers", BROKERS);
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new ByteArraySerializer())) {
      for (String viewer : viewers) {
        Map<String, Object> event = new LinkedHashMap<>();
        event.put("type", "stop");
        event.put("event_id", UUID.randomUUID().toString()); // a duplicate with the same id is not counted again
        event.put("viewer_id", viewer);
        event.put("event_time_ms", System.currentTimeMillis());
        event.put("title_id", title);
        event.put("watched_s", 3000);
        event.put("position_s", 3000);
        sent.add(producer.send(new ProducerRecord<>(EVENTS, viewer, JSON.writeValueAsBytes(event))));
      }
    }
    for (Future<RecordMetadata> future : sent) {
      future.get(); // throws the error of the broker
    }
  }

  /** Prints the newest page of every viewer, in the current topic; a service would run on. */
  private static void lists() throws Exception {
    Map<String, Object> properties =
        Map.of(
            "bootstrap.servers", BROKERS,
            "isolation.level", "read_committed", // pages are written in transactions
            "enable.auto.commit", false);
    Map<String, JsonNode> pages = new LinkedHashMap<>();
    try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(HOME).stream().map(p -> new TopicPartition(HOME, p.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          if (record.value() == null) { // a tombstone: forget this viewer
            pages.remove(record.key());
            continue;
          }
          JsonNode page = JSON.readTree(record.value());
          JsonNode known = pages.get(record.key());
          if (known == null || page.get("seq").asLong() > known.get("seq").asLong()) {
            pages.put(record.key(), page);
          }
        }
      }
    }
    for (var entry : pages.entrySet()) {
      JsonNode page = entry.getValue();
      if (page.get("expires_at_ms").asLong() > System.currentTimeMillis()) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("viewer_id", entry.getKey());
        line.put("seq", page.get("seq").asLong());
        line.put("titles", titles(page));
        System.out.println(JSON.writeValueAsString(line));
      }
    }
  }

  private static List<String> titles(JsonNode page) {
    List<String> titles = new ArrayList<>();
    for (JsonNode row : page.get("rows")) {
      for (JsonNode item : row.get("items")) {
        titles.add(item.get("title_id").asText());
      }
    }
    return titles;
  }

  private static String setting(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
