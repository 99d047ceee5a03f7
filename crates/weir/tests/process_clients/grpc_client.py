"""Calls every method of grpc_server.py; with a CA and a name, over TLS.

Usage: grpc_client.py ADDRESS [CA NAME]
"""

import queue
import sys

import grpc

PATIENCE = 30


def channel():
    options = [("grpc.max_receive_message_length", -1)]
    if len(sys.argv) == 2:
        return grpc.insecure_channel(sys.argv[1], options)
    options.append(("grpc.ssl_target_name_override", sys.argv[3]))
    with open(sys.argv[2], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    return grpc.secure_channel(sys.argv[1], credentials, options)


def echo(to):
    for length in (0, 1, 100_000, 3_000_000):
        message = bytes(number % 251 for number in range(length))
        call = to.unary_unary("/weir.Test/Echo")
        answer, call = call.with_call(message, timeout=PATIENCE, metadata=[("x-sent", "this")])
        assert answer == message, len(answer)
        assert ("x-seen", "this") in call.initial_metadata(), call.initial_metadata()
        assert ("x-length", str(length)) in call.trailing_metadata(), call.trailing_metadata()


def streams(to):
    numbers = list(to.unary_stream("/weir.Test/Count")(b"1000", timeout=PATIENCE))
    assert numbers == [str(number).encode() for number in range(1000)], len(numbers)
    parts = (b"x" * 1000 for _ in range(500))
    assert to.stream_unary("/weir.Test/Total")(parts, timeout=PATIENCE) == b"500000"


def chat(to):
    """Each answer comes before the next question is asked."""
    questions = queue.SimpleQueue()
    answers = to.stream_stream("/weir.Test/Chat")(iter(questions.get, None), timeout=PATIENCE)
    for number in range(20):
        questions.put(b"%d" % number)
        assert next(answers) == b"you said %d" % number
    questions.put(None)
    assert not list(answers)


def failures(to):
    try:
        to.unary_unary("/weir.Test/Fail")(b"sorry", timeout=PATIENCE)
        raise AssertionError("it did not fail")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error
        assert error.details() == "no more: sorry", error
    try:
        to.unary_unary("/weir.Test/Nothing")(b"", timeout=PATIENCE)
        raise AssertionError("it did not fail")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED, error


def deadline(to):
    left = int(to.unary_unary("/weir.Test/Hurry")(b"", timeout=PATIENCE))
    # The library rounds what it sends.
    assert 0 < left <= PATIENCE * 1010, left


def cancelled(to):
    """A stream that is given up costs nothing but itself."""
    numbers = to.unary_stream("/weir.Test/Count")(b"100000000", timeout=PATIENCE)
    next(numbers)
    numbers.cancel()
    assert to.unary_unary("/weir.Test/Echo")(b"still here", timeout=PATIENCE) == b"still here"


def main():
    with channel() as to:
        for check in (echo, streams, chat, failures, deadline, cancelled):
            check(to)
    print("all is well")


main()
