import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type {
  GatewayOperation,
  GatewayRequest,
  Reply,
  Result,
  SignedRequest,
  Verified,
} from "../../src/core/messages/messages.ts";
import { clusterId, createSigner } from "../../src/crypto/mod.ts";
import { sign, withDigest } from "../../src/node/environment.ts";
import { Gateway, type GatewayOptions } from "../../src/node/gateway/gateway.ts";
import { fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { genesisOf, keyPairOf, texts } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

type GatewaySigned = Verified<SignedRequest<GatewayRequest>>;

function setUp(limits: Partial<GatewayOptions["limits"]> = {}, n = 4) {
  const timer = new ManualTimer();
  const genesis = genesisOf(n, { maxRequestBytes: 4096 });
  const signer = createSigner(keyPairOf(1).privateKey, clusterId(genesis));
  const state = { agreedTime: 1_000_000 as Millis };
  const resent: GatewaySigned[] = [];
  const bundles: ReturnType<Gateway["take"]>[number][] = [];
  const gateway: Gateway = new Gateway({
    self: 0 as ReplicaId,
    genesis,
    timer,
    agreedTime: () => state.agreedTime,
    knowsTime: () => true,
    limits: { maxGatewayOperations: 100, maxGatewayBytes: 100_000, maxBundlesInFlight: 2, ...limits },
    sign: (request) => withDigest(sign(signer, request)) as GatewaySigned,
    wake: () => timer.soon(() => bundles.push(...gateway.take())),
    resend: (request) => resent.push(request),
  });
  return { timer, gateway, bundles, resent, state };
}

function operation(timestamp: number, text = `op ${timestamp}`): GatewayOperation {
  return { name: "ada", timestamp, operation: utf8(text) };
}

/** What a replica says the results are: by default, that each operation gave itself. */
function reply(
  replica: number,
  { digest, message }: GatewaySigned,
  changed: Partial<Result> & { view?: number } = {},
): Reply {
  const { view = 0, ...result } = changed;
  const results = message.operations.map(({ operation }): Result => {
    return { sequence: 5 as SequenceNumber, status: "ok", value: operation, ...result };
  });
  return { kind: "reply", replica: replica as ReplicaId, view: view as View, request: digest, results };
}

Deno.test("operations that arrive together go into one request, and each caller gets its own results", async () => {
  const { timer, gateway, bundles } = setUp();
  const answers = [gateway.vouch([operation(1), operation(2)]), gateway.vouch([operation(3)])];
  await timer.idle();
  assertEquals(bundles.length, 1);
  const { request } = bundles[0]!;
  assertEquals(request.message.operations.map(({ timestamp }) => timestamp), [1, 2, 3]);
  assertEquals(request.message.notAfter as number, 1_060_000);
  gateway.onReply(reply(0, request));
  gateway.onReply(reply(2, request));
  const settled = (await Promise.all(answers)).map((answer) => "results" in answer ? texts(answer.results) : []);
  assertEquals(settled, [["ok op 1", "ok op 2"], ["ok op 3"]]);
});

Deno.test("an answer needs f + 1 replicas that agree on every result; a differing or repeated reply does not count", async () => {
  const { timer, gateway, bundles } = setUp();
  let settled = false;
  const answer = gateway.vouch([operation(1)]).finally(() => settled = true);
  await timer.idle();
  const { request } = bundles[0]!;
  gateway.onReply(reply(3, request, { value: utf8("a lie") }));
  gateway.onReply(reply(1, request));
  gateway.onReply(reply(1, request));
  gateway.onReply(reply(2, request, { sequence: 6 as SequenceNumber }));
  gateway.onReply(reply(0, request, { status: "rejected" }));
  gateway.onReply({ ...reply(0, request), results: [] });
  await timer.idle();
  assertEquals(settled, false);
  gateway.onReply(reply(2, request, { view: 4 }));
  const { voters, view, results } = await answer as Exclude<Awaited<typeof answer>, { reason: unknown }>;
  assertEquals([[...voters], view, texts(results)] as unknown[], [[1, 2], 4, ["ok op 1"]]);
});

Deno.test("at the maximum of requests in flight operations are collected for the next one", async () => {
  const { timer, gateway, bundles } = setUp();
  const answers = [];
  for (let i = 1; i <= 5; i++) {
    answers.push(gateway.vouch([operation(i)]));
    await timer.idle();
  }
  assertEquals(bundles.map(({ request }) => request.message.operations.length), [1, 1]);
  gateway.onReply(reply(1, bundles[0]!.request));
  gateway.onReply(reply(2, bundles[0]!.request));
  await timer.idle();
  assertEquals(bundles.map(({ request }) => request.message.operations.length), [1, 1, 3]);
  gateway.stop({ reason: "unavailable", kind: "gateway-request", detail: "the node is closed" });
  const reasons = (await Promise.all(answers)).map((answer) => "reason" in answer ? answer.reason : "answered");
  assertEquals(reasons, ["answered", ...Array(4).fill("unavailable")]);
});

Deno.test("a bundle stays within the maximum size of a request", async () => {
  const { timer, gateway, bundles } = setUp();
  const large = "x".repeat(1_500);
  for (let i = 1; i <= 3; i++) void gateway.vouch([operation(i, large)]);
  await timer.idle();
  assertEquals(bundles.map(({ request }) => request.message.operations.length), [2, 1]);
  for (const { request } of bundles) assert(request.bytes.length <= 4096);
  const tooLarge = await gateway.vouch([operation(4, large), operation(5, large), operation(6, large)]);
  assertEquals("reason" in tooLarge && tooLarge.reason, "too-large");
});

Deno.test("waiting operations are bounded in number and bytes", async () => {
  const { gateway } = setUp({ maxGatewayOperations: 3, maxGatewayBytes: 500 });
  void gateway.vouch([operation(1), operation(2)]);
  const tooMany = await gateway.vouch([operation(3), operation(4)]);
  assertEquals("reason" in tooMany && tooMany.reason, "overloaded");
  const tooLarge = await gateway.vouch([operation(3, "x".repeat(400))]);
  assertEquals("reason" in tooLarge && tooLarge.reason, "overloaded");
  const controller = new AbortController();
  const aborted = gateway.vouch([operation(3)], controller.signal);
  controller.abort();
  await assertRejects(() => aborted, DOMException);
  void gateway.vouch([operation(3)], AbortSignal.abort()).catch(() => {});
  const first = await Promise.race([gateway.vouch([operation(4)]), Promise.resolve("waits")]);
  assertEquals(first, "waits");
});

Deno.test("a caller that aborts gets an AbortError, and its operation is not ordered if it was not in flight yet", async () => {
  const { timer, gateway, bundles } = setUp();
  const controller = new AbortController();
  const given = gateway.vouch([operation(1)], controller.signal);
  const kept = gateway.vouch([operation(2)]);
  controller.abort();
  assertEquals((await assertRejects(() => given, DOMException)).name, "AbortError");
  await timer.idle();
  const { request } = bundles[0]!;
  assertEquals(request.message.operations.map(({ operation }) => fromUtf8(operation)), ["op 2"]);
  gateway.onReply(reply(0, request));
  gateway.onReply(reply(1, request));
  assert("results" in await kept);
});

Deno.test("without agreement a request is sent again with growing pauses, until it would be refused as expired", async () => {
  const { timer, gateway, bundles, resent } = setUp();
  const answer = gateway.vouch([operation(1)]);
  await timer.advance(7_500);
  assertEquals(resent.length, 3);
  assertEquals(resent[0], bundles[0]!.request);
  await timer.advance(60_000);
  const settled = await answer;
  assertEquals("reason" in settled && settled.reason, "unavailable");
  assertEquals([gateway.requests(), timer.alarmsInMs], [[], []]);
});

Deno.test("equal operations at the same moment get different requests", async () => {
  const { timer, gateway, bundles } = setUp();
  for (let i = 0; i < 2; i++) {
    void gateway.vouch([operation(1)]);
    await timer.idle();
  }
  assert(bundles[0]!.request.digest !== bundles[1]!.request.digest);
});

Deno.test("the callers of a bundle that the replica has no space for get a rejection", async () => {
  const { timer, gateway, bundles } = setUp();
  const answer = gateway.vouch([operation(1)]);
  await timer.idle();
  bundles[0]!.refuse({ reason: "overloaded", kind: "gateway-request", detail: "full" });
  assertEquals(await answer, { reason: "overloaded", kind: "gateway-request", detail: "full" });
});

Deno.test("invalid operations throw an error that names the field", () => {
  const { gateway } = setUp();
  const wrong: readonly (readonly GatewayOperation[])[] = [
    [],
    [{ ...operation(1), name: "" }],
    [{ ...operation(1), name: "ü".repeat(65) }],
    [operation(-1)],
    [operation(1.5)],
  ];
  for (const operations of wrong) {
    let error: unknown;
    try {
      void gateway.vouch(operations);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof RangeError, JSON.stringify(operations));
  }
});
