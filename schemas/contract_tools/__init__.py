"""Files generated from the structs of this package. Nothing imports these modules at run time.

* `contracts`: the command ``python -m schemas.contract_tools``, which compares or writes the files in
  ``contracts/``; golden vectors for the partitioner and for the assignment to arms.
* `asyncapi`: the AsyncAPI document.
* `compatibility`: the changes of a schema that would break a producer or a consumer.

`schemas.json_schema`, which makes the JSON Schemas, is outside of this package because ``nearline serve``
imports it at run time for its OpenAPI description.
"""
