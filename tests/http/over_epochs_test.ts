/** Callers who wait at a member while its epoch ends: they are answered in the epoch that follows, by members that the former one had not. */
import { assertEquals } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { wrap } from "../../src/core/wrap.ts";
import { createApp, type ReplicaApp } from "../../src/http/mod.ts";
import { following } from "../../src/node/epochs/following.ts";
import { systemTimer } from "../../src/runtime/host/system_timer.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { DIGEST_REPLY, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, memberOf, Members, until, urlsOf } from "../node/_epochs.ts";
import { postJson } from "./helpers.ts";

/** Seven, of whom Fig and Goat are away: of any three that agree, one at least has an id that the four had not. */
const SEVEN = ["Eagle", "Ball", "Fig", "Goat", "Candy", "Dog", "Apple"];
const HERE = ["Eagle", "Ball", "Candy", "Dog", "Apple"];
/** A result that is longer than the four allow. */
const LARGE = "x".repeat(DEFAULT_LIMITS.maxResultBytes + 1_000);

/** A machine that gives it. */
function largeMachine(): StateMachine {
  const machine = new KeyValue();
  const execute = (bytes: Uint8Array) => fromUtf8(bytes) === "GET large" ? utf8(LARGE) : machine.execute(bytes);
  return wrap<StateMachine>(machine, { execute });
}

/** Four members with their routes in epoch 0, and a step to epoch 1 that Apple misses at first. */
class Stage {
  readonly cluster = new Members();
  readonly apps = new Map<string, ReplicaApp>();
  readonly #stopping = new AbortController();

  async open(): Promise<this> {
    for (const name of [...FOUR, "Eagle"]) await this.cluster.open(name, { stateMachine: largeMachine });
    for (const name of FOUR) {
      const [node, member] = [this.cluster.node(name), this.cluster.member(name)];
      const options = { timer: systemTimer(), requestTimeoutMs: 60_000, waitMs: 60_000, signal: this.#stopping.signal };
      this.apps.set(name, createApp(wrap(node, following(node, member)), options));
    }
    return this;
  }

  /** Cuts Apple off, and has the others enter epoch 1. */
  async leaveApple(limits: Partial<typeof DEFAULT_LIMITS> = {}): Promise<void> {
    const { cluster } = this;
    const change = { replicas: SEVEN.map(memberOf), urls: urlsOf(SEVEN), limits };
    const operation = await cluster.operation(cluster.member("Apple").epoch, change);
    cluster.down.add("Apple");
    await cluster.vouch("Ball", "admin", 1, operation);
    await cluster.reached(1, ["Ball", "Candy", "Dog"]);
  }

  /** Apple is connected again, and follows. */
  async fetchApple(): Promise<void> {
    this.cluster.down.delete("Apple");
    await this.cluster.reached(1, HERE);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.cluster.close();
  }
}

Deno.test("/req that waits over the end of an epoch names the members of the epoch that answers", async () => {
  const stage = await new Stage().open();
  await stage.leaveApple();
  const waiting = postJson(stage.apps.get("Apple")!, "/req", { clientID: "ada", timestamp: 1, operation: "INCR n" });
  await stage.fetchApple();
  const response = await waiting;
  const { nodeID, voters, result, detail } = await response.json();
  assertEquals([response.status, nodeID, result], [200, "Apple", 1], detail);
  assertEquals((voters as string[]).filter((name) => !HERE.includes(name)), [], "they were away");
  assertEquals(stage.cluster.failures, []);
  await stage.close();
});

Deno.test("a client that waits over the end of an epoch gets a longer result than the former epoch allowed", async () => {
  const stage = await new Stage().open();
  const answers: (string | null)[] = [];
  let isApart = false;
  const client = new Client({
    cluster: clusterFile,
    timeoutMs: 60_000,
    async fetch(input, init) {
      const { origin, pathname } = new URL(String(input));
      const name = FOUR.find((name) => urlsOf([name])[name] === origin);
      if (name === undefined || (isApart && name !== "Apple")) throw new TypeError("connection refused");
      const headers = new Headers(init?.headers);
      if (pathname === "/requests") headers.set("accept", DIGEST_REPLY);
      const response = await stage.apps.get(name)!.request(pathname, { ...init, headers });
      if (isApart && pathname === "/requests") {
        answers.push(`${response.status} ${response.headers.get("content-type")}`);
      }
      return response;
    },
  });
  await client.invoke("INCR n");
  await stage.leaveApple({ maxResultBytes: 2 * DEFAULT_LIMITS.maxResultBytes });
  isApart = true;
  const asked = client.invoke("GET large").catch(() => {});
  await stage.fetchApple();
  await until("Apple answers", () => answers.length > 0);
  assertEquals(answers[0], `200 ${DIGEST_REPLY}`);
  client.close();
  await asked;
  await stage.close();
});
