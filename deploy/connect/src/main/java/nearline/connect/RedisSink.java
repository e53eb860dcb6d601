package nearline.connect;

import java.net.URI;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Keeps the newest value of each key in Redis: SET for a record, DEL for a tombstone. */
public final class RedisSink extends SinkConnector {
  static final ConfigDef CONFIG = new ConfigDef()
      .define("redis.uri", ConfigDef.Type.PASSWORD, ConfigDef.Importance.HIGH,
          "redis://[user:password@]host:port[/database], or rediss:// for TLS")
      .define("redis.prefix", ConfigDef.Type.STRING, "", ConfigDef.Importance.MEDIUM,
          "what the keys in Redis begin with, before the key of the record");

  private Map<String, String> settings;

  @Override
  public void start(Map<String, String> given) {
    settings = given;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return RedisTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int most) {
    return Collections.nCopies(most, settings);
  }

  @Override
  public void stop() {}

  @Override
  public ConfigDef config() {
    return CONFIG;
  }

  @Override
  public String version() {
    return "1";
  }

  /** Writes records in the order of their partition; Connect commits an offset when put has returned. */
  public static final class RedisTask extends SinkTask {
    private URI address;
    private String prefix;
    private Jedis redis;

    @Override
    public void start(Map<String, String> given) {
      AbstractConfig settings = new AbstractConfig(CONFIG, given);
      address = URI.create(settings.getPassword("redis.uri").value());
      prefix = settings.getString("redis.prefix");
    }

    @Override
    public void put(Collection<SinkRecord> records) {
      if (records.isEmpty()) {
        return;
      }
      try {
        if (redis == null) {
          redis = new Jedis(address);
        }
        Pipeline batch = redis.pipelined();
        for (SinkRecord record : records) {
          String key = prefix + record.key();
          if (record.value() == null) {
            batch.del(key);
          } else {
            batch.set(key, record.value().toString());
          }
        }
        batch.sync();
      } catch (JedisConnectionException error) { // Redis is away, or not a master: all of the batch is written again
        stop();
        context.timeout(1_000);
        throw new RetriableException(error);
      }
    }

    @Override
    public void stop() {
      if (redis != null) {
        redis.close();
        redis = null;
      }
    }

    @Override
    public String version() {
      return "1";
    }
  }
}
