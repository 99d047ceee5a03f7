"""Reads access-log records as protobuf: `access_records.py SCHEMA FILE` prints one a line.

SCHEMA is a FileDescriptorSet. Records are delimited, each followed by two zero bytes.
"""

import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32

schema, path = sys.argv[1:]
pool = descriptor_pool.DescriptorPool()
with open(schema, "rb") as file:
    for each in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(each)
Record = message_factory.GetMessageClass(pool.FindMessageTypeByName("command.ProtobufAccessLog"))
with open(path, "rb") as file:
    data = file.read()
at = 0
while at < len(data):
    length, start = _DecodeVarint32(data, at)
    record = Record.FromString(data[start : start + length])
    assert record.IsInitialized(), record
    assert data[start + length : start + length + 2] == b"\0\0"
    at = start + length + 2
    print(json.dumps(json_format.MessageToDict(record, preserving_proto_field_name=True)))
