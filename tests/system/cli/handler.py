"""handler.py FOLDER: an HTTP server that keeps each request in FOLDER/1, FOLDER/2, ... as it came, and answers what
FOLDER/answer says: a status and a body, or `reset`, which ends the connection without an answer and is removed by that.
FOLDER/port is its port."""
import os
import socket
import struct
import sys

folder = sys.argv[1]
server = socket.create_server(("127.0.0.1", 0))
with open(folder + "/port.new", "w") as file:
    file.write(str(server.getsockname()[1]))
os.rename(folder + "/port.new", folder + "/port")
count = 0
while True:
    peer = server.accept()[0]
    request = b""
    while True:
        head, end, body = request.partition(b"\r\n\r\n")
        fields = [line.partition(b":") for line in head.split(b"\r\n")]
        length = sum(int(value) for name, _, value in fields if name.lower() == b"content-length")
        if end and len(body) >= length:
            break
        piece = peer.recv(4096)
        if not piece:
            break
        request += piece
    if request:
        count += 1
        with open(f"{folder}/{count}", "wb") as file:
            file.write(request)
        with open(folder + "/answer") as file:
            answer = file.read()
        if answer == "reset":
            os.rename(folder + "/next", folder + "/answer")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            status, _, text = answer.partition(" ")
            try:
                peer.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            except OSError:
                pass
    peer.close()
