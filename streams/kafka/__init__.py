"""Access to Kafka from one place.

* `streams.kafka.clients`: builds every producer, consumer and admin client.
* `streams.kafka.security`: the security settings, translated for aiokafka.
* `streams.kafka.topics`: facts about topics; creates and configures them.
* `streams.kafka.scan`: reads topics once, for commands.
* `streams.kafka.produce`: a producer of events and titles.
"""
