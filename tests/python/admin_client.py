"""The admin API as a client sees it that shares no code with the coordinator.

Usage: admin_client.py PROTO_FOLDER ADDRESS ACCOUNT FUNCTION [ACCOUNT FUNCTION ...]

The stubs are generated from the .proto files as they are. The indexers named on
the command line must be registered and on their way to run. Ends with an
exception, and so with exit code 1, at the first thing that is not as it should
be.
"""

import importlib
import os
import sys
import tempfile
import threading
import time

import grpc
import grpc_tools
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_tools import protoc

DEADLINE = 10
PATIENCE = 60


def generate(protos):
    """Generates and imports the stubs of both services."""
    folder = tempfile.mkdtemp(prefix="stubs-")
    common = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    arguments = [f"-I{protos}", f"-I{common}"]
    arguments += [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    code = protoc.main(["protoc", *arguments, "indexer.proto", "coordinator.proto"])
    assert code == 0, f"protoc ended with {code}"
    sys.path.insert(0, folder)
    names = ["indexer_pb2", "indexer_pb2_grpc", "coordinator_pb2", "coordinator_pb2_grpc"]
    return [importlib.import_module(name) for name in names]


def until(what, look):
    """Looks again and again until there is something to see."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"it never came about that {what}"
        time.sleep(0.1)


def refused(code, call, request):
    """Verifies that a call fails with a status, and with words that explain it."""
    try:
        answer = call(request, timeout=DEADLINE)
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} is not {code}: {error.details()}"
        assert error.details(), f"{code} without a word"
        return
    raise AssertionError(f"{request} was answered with {answer}, not with {code}")


class Original:
    """The original's service, as its clients know it."""

    def __init__(self, channel, messages, stubs, names):
        self.pb = messages
        self.stub = stubs.IndexerManagerStub(channel)
        self.names = names

    def switches(self):
        listed = self.stub.List(self.pb.Empty(), timeout=DEADLINE).indexers
        found = {(one.account_id, one.function_name): one.enabled for one in listed}
        assert len(found) == len(listed), "an indexer is listed twice"
        return found

    def check(self):
        everything_on = {name: True for name in self.names}
        assert self.switches() == everything_on, self.switches()
        account, function = self.names[0]
        request = self.pb.IndexerRequest(account_id=account, function_name=function)
        for _ in range(2):
            assert self.stub.Disable(request, timeout=DEADLINE).success
            assert self.switches() == everything_on | {self.names[0]: False}
        assert self.stub.Enable(request, timeout=DEADLINE).success
        assert self.switches() == everything_on
        for call in (self.stub.Enable, self.stub.Disable):
            nobody = self.pb.IndexerRequest(account_id="nobody.near", function_name="f")
            refused(grpc.StatusCode.NOT_FOUND, call, nobody)
            wrong = self.pb.IndexerRequest(account_id="NOT AN ACCOUNT", function_name="f")
            refused(grpc.StatusCode.INVALID_ARGUMENT, call, wrong)


class Operations:
    """What the coordinator serves beyond the original."""

    def __init__(self, channel, messages, stubs, names):
        self.pb = messages
        self.stub = stubs.OperationsStub(channel)
        self.names = [
            messages.IndexerName(account_id=account, function_name=function)
            for account, function in names
        ]

    def get(self, name):
        return self.stub.GetIndexer(self.pb.GetIndexerRequest(name=name), timeout=DEADLINE)

    def in_phase(self, name, phase):
        def look():
            try:
                indexer = self.get(name)
            except grpc.RpcError as error:
                # Just started, it may not have heard of it yet.
                assert error.code() == grpc.StatusCode.NOT_FOUND, error
                return None
            return indexer if indexer.phase == phase else None

        return until(f"{name.function_name} is {phase}", look)

    def check(self):
        for name in self.names:
            indexer = self.in_phase(name, "Running")
            assert indexer.name == name and indexer.enabled, indexer
            assert indexer.explanation and indexer.wanted.version, indexer
        self.pages()
        self.watch()
        self.hold()
        self.retry()
        self.errors()
        overview = self.stub.GetOverview(self.pb.GetOverviewRequest(), timeout=DEADLINE)
        assert overview.registered == len(self.names), overview
        assert overview.version and overview.registry_height, overview

    def pages(self):
        """Every indexer stands on exactly one page."""
        found, token = [], ""
        while True:
            request = self.pb.ListIndexersRequest(page_size=1, page_token=token)
            page = self.stub.ListIndexers(request, timeout=DEADLINE)
            assert len(page.indexers) <= 1
            found += [(one.name.account_id, one.name.function_name) for one in page.indexers]
            token = page.next_page_token
            if not token:
                break
        wanted = [(name.account_id, name.function_name) for name in self.names]
        assert sorted(found) == sorted(wanted), found

    def watch(self):
        """A watcher is told what there is, and then of each change."""
        name = self.names[0]
        synced, suspended, known = threading.Event(), threading.Event(), set()
        stream = self.stub.WatchIndexers(self.pb.WatchIndexersRequest(), timeout=PATIENCE)

        def follow():
            try:
                for event in stream:
                    kind = event.WhichOneof("event")
                    if kind == "synced":
                        synced.set()
                    elif kind == "indexer":
                        indexer = event.indexer
                        known.add((indexer.name.account_id, indexer.name.function_name))
                        if indexer.name == name and indexer.phase == "Suspended":
                            suspended.set()
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.CANCELLED, error

        follower = threading.Thread(target=follow)
        follower.start()
        try:
            assert synced.wait(PATIENCE), "the watcher is never told that it knows everything"
            assert len(known) == len(self.names), known
            request = self.pb.DisableIndexerRequest(name=name)
            assert not self.stub.DisableIndexer(request, timeout=DEADLINE).enabled
            assert suspended.wait(PATIENCE), "the watcher is not told of the change"
            request = self.pb.EnableIndexerRequest(name=name)
            assert self.stub.EnableIndexer(request, timeout=DEADLINE).enabled
        finally:
            stream.cancel()
            follower.join(PATIENCE)
        assert not follower.is_alive(), "the stream goes on after its end"
        self.in_phase(name, "Running")

    def hold(self):
        """What is held stays as it is, whatever is wanted, until it is released."""
        name = self.names[0]
        request = self.pb.HoldIndexerRequest(name=name, reason="an investigation")
        held = self.stub.HoldIndexer(request, timeout=DEADLINE)
        assert held.hold.reason == "an investigation" and held.hold.since_ms, held
        request = self.pb.DisableIndexerRequest(name=name)
        assert not self.stub.DisableIndexer(request, timeout=DEADLINE).enabled
        for _ in range(10):
            indexer = self.get(name)
            assert indexer.phase == "Running" and indexer.hold.since_ms, indexer
        request = self.pb.ReleaseIndexerRequest(name=name)
        assert not self.stub.ReleaseIndexer(request, timeout=DEADLINE).HasField("hold")
        self.in_phase(name, "Suspended")
        request = self.pb.EnableIndexerRequest(name=name)
        self.stub.EnableIndexer(request, timeout=DEADLINE)
        self.in_phase(name, "Running")

    def retry(self):
        """Retrying what is well changes nothing."""
        name = self.names[0]
        before = self.get(name)
        request = self.pb.RetryIndexerRequest(name=name)
        self.stub.RetryIndexer(request, timeout=DEADLINE)
        after = self.in_phase(name, "Running")
        assert after.running_version == before.running_version, (before, after)

    def errors(self):
        pb, stub = self.pb, self.stub
        nobody = pb.IndexerName(account_id="nobody.near", function_name="f")
        wrong = pb.IndexerName(account_id="NOT AN ACCOUNT", function_name="f")
        for request, call in (
            (pb.GetIndexerRequest, stub.GetIndexer),
            (pb.EnableIndexerRequest, stub.EnableIndexer),
            (pb.DisableIndexerRequest, stub.DisableIndexer),
            (pb.RetryIndexerRequest, stub.RetryIndexer),
            (pb.HoldIndexerRequest, stub.HoldIndexer),
            (pb.ReleaseIndexerRequest, stub.ReleaseIndexer),
        ):
            more = {"reason": "because"} if request is pb.HoldIndexerRequest else {}
            refused(grpc.StatusCode.NOT_FOUND, call, request(name=nobody, **more))
            refused(grpc.StatusCode.INVALID_ARGUMENT, call, request(name=wrong, **more))
            refused(grpc.StatusCode.INVALID_ARGUMENT, call, request(**more))
        request = pb.ListIndexersRequest(page_token="no token of ours")
        refused(grpc.StatusCode.INVALID_ARGUMENT, stub.ListIndexers, request)
        report = pb.GetShadowReportRequest()
        refused(grpc.StatusCode.FAILED_PRECONDITION, stub.GetShadowReport, report)


def check_health(channel):
    """Standard health checks, as a load balancer makes them."""
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", "indexer.IndexerManager", "coordinator.v1.Operations"):
        request = health_pb2.HealthCheckRequest(service=service)
        assert stub.Check(request, timeout=DEADLINE).status == serving, service
    unknown = health_pb2.HealthCheckRequest(service="no.such.Service")
    refused(grpc.StatusCode.NOT_FOUND, stub.Check, unknown)


def check_reflection(channel):
    """Reflection, as tools like grpcurl use it."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = stub.ServerReflectionInfo(iter([request]), timeout=DEADLINE)
    names = {one.name for one in next(answers).list_services_response.service}
    assert {"indexer.IndexerManager", "coordinator.v1.Operations"} <= names, names


def main():
    protos, address, *rest = sys.argv[1:]
    names = list(zip(rest[::2], rest[1::2]))
    assert names and len(rest) % 2 == 0, __doc__
    indexer, indexer_stubs, coordinator, coordinator_stubs = generate(protos)
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE)
        Operations(channel, coordinator, coordinator_stubs, names).check()
        Original(channel, indexer, indexer_stubs, names).check()
        check_health(channel)
        check_reflection(channel)
    print("all is as it should be")


if __name__ == "__main__":
    main()
