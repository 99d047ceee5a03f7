"""A gRPC server of all four kinds of calls; with a key and a certificate it speaks TLS. With a path
alone it listens on a Unix socket there.

Messages are plain bytes, so that nothing has to be generated.
"""

import sys
from concurrent import futures

import grpc


def echo(request, context):
    metadata = dict(context.invocation_metadata())
    context.send_initial_metadata([("x-seen", metadata.get("x-sent", "nothing"))])
    context.set_trailing_metadata([("x-length", str(len(request)))])
    return request


def count(request, _context):
    for number in range(int(request)):
        yield str(number).encode()


def total(requests, _context):
    return str(sum(len(request) for request in requests)).encode()


def chat(requests, _context):
    for request in requests:
        yield b"you said " + request


def fail(request, context):
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more: " + request.decode())


def hurry(_request, context):
    """How many milliseconds the caller gave."""
    return str(int(context.time_remaining() * 1000)).encode()


HANDLERS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Hurry": grpc.unary_unary_rpc_method_handler(hurry),
}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    handler = grpc.method_handlers_generic_handler("weir.Test", HANDLERS)
    server.add_generic_rpc_handlers((handler,))
    if len(sys.argv) == 2:
        port = server.add_insecure_port("unix:" + sys.argv[1])
    elif len(sys.argv) > 2:
        identity = [(read(sys.argv[1]), read(sys.argv[2]))]
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(identity))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("port", port, flush=True)
    server.wait_for_termination()


main()
