package nearline.connect;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Turns a value that is a line of JSON into a map, so that Kafka's own transformations can take the key from a field.
 *
 * <p>Kafka's file source gives lines. A source that gives fields (JDBC, Debezium) does not need this. A line that is no
 * JSON object fails the record; `errors.tolerance` of the connector says what then happens.
 */
public final class ParseJson<R extends ConnectRecord<R>> implements Transformation<R> {
  private final JsonConverter json = new JsonConverter();

  @Override
  public void configure(Map<String, ?> configs) {
    json.configure(Map.of("schemas.enable", "false"), false);
  }

  @Override
  public R apply(R record) {
    if (record.value() == null) {
      return record;
    }
    Object parsed =
        json.toConnectData(record.topic(), record.value().toString().getBytes(StandardCharsets.UTF_8)).value();
    if (!(parsed instanceof Map)) {
      throw new DataException("the line is no JSON object");
    }
    return record.newRecord(
        record.topic(), record.kafkaPartition(), record.keySchema(), record.key(), null, parsed, record.timestamp());
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef();
  }

  @Override
  public void close() {
    json.close();
  }
}
