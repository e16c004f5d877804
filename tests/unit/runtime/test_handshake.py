"""The protocol on a real socket: whole messages, descriptors beside them, the end of file."""

import os
import threading
from _socket import socketpair

import pytest

from container_lib.runtime import handshake


def test_a_message_of_any_size_arrives_whole() -> None:
    one, other = socketpair()
    message = {"argv": ["x" * 100] * 20_000, "n": 1}  # two megabytes: many reads
    sender = threading.Thread(target=handshake.send, args=(one, message))
    sender.start()
    assert handshake.receive(other) == message
    sender.join()


def test_descriptors_arrive_beside_their_message_and_close_on_exec() -> None:
    one, other = socketpair()
    reader, writer = os.pipe()
    handshake.send(one, "take", (writer,))
    handshake.send(one, "none")
    message, descriptors = handshake.receive_with_descriptors(other)
    assert message == "take"
    assert not os.get_inheritable(descriptors[0])
    os.write(descriptors[0], b"hi")
    assert os.read(reader, 2) == b"hi"
    assert handshake.receive_with_descriptors(other) == ("none", [])
    for descriptor in (reader, writer, *descriptors):
        os.close(descriptor)


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x09abc"])
def test_the_end_of_file_is_none_even_in_the_middle_of_a_message(sent: bytes) -> None:
    one, other = socketpair()
    one.send(sent) if sent else None
    one.close()
    assert handshake.receive(other) is None


def test_a_closed_peer_is_an_error_not_a_signal() -> None:
    one, other = socketpair()
    other.close()
    with pytest.raises(BrokenPipeError):
        handshake.send(one, "anybody?")
