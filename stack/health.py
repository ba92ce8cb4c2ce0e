"""Health checks, one a protocol: each asks the server a real question and says whether it was answered.

None of them raises for a server that is down, and none waits longer than ``TIMEOUT`` seconds for an answer.
"""

import http.client
import socket
import struct
import urllib.error
import urllib.request
from typing import Final

TIMEOUT: Final = 3.0


def redis_answers(host: str, port: int) -> bool:
    """PING is answered by PONG (and not by LOADING, while the append-only file is read)."""
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def postgres_answers(host: str, port: int, user: str, database: str = "postgres") -> bool:
    """SELECT 1 is answered."""
    return postgres_scalar(host, port, user, database, "SELECT 1") == 1


def postgres_scalar(host: str, port: int, user: str, database: str, query: str) -> object:
    """The first column of the first row of ``query``, or None when there is none or no server answers."""
    import psycopg2

    try:
        connection = psycopg2.connect(
            host=host, port=port, user=user, dbname=database, connect_timeout=int(TIMEOUT), application_name="health"
        )
    except psycopg2.OperationalError:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return None if row is None else row[0]
    except psycopg2.Error:
        return None
    finally:
        connection.close()


def kafka_answers(host: str, port: int) -> bool:
    """The broker answers an ApiVersions request (key 18, version 0) with error code 0: it then serves clients."""
    client = b"headwater"
    request = struct.pack(">hhih", 18, 0, 1, len(client)) + client
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = b""
            while len(head) < 10:
                part = connection.recv(10 - len(head))
                if not part:
                    return False
                head += part
            _, correlation, error = struct.unpack(">iih", head)
            return bool(correlation == 1 and error == 0)
    except OSError:
        return False


def http_answers(url: str) -> bool:
    """GET ``url`` is answered with status 200."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            return bool(response.status == http.client.OK)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


def grpc_answers(address: str) -> bool:
    """The standard gRPC health service says SERVING for the server as a whole."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
