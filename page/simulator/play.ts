/** Runs what the page wants to see. */
import { KINDS, type Lay } from "../../src/testing/kinds/mod.ts";
import { drawWith } from "../../src/testing/plan/draw.ts";
import type { Plan } from "../../src/testing/plan/plan.ts";
import { PROFILES } from "../../src/testing/plan/profile.ts";
import { watch } from "../../src/testing/running.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { CHUNK_SIZE, keyValueWorkload } from "../../src/testing/plan/workload.ts";
import { NO_NETWORK_FAULTS } from "../../src/testing/world/network.ts";
import { wordsFor } from "../../src/testing/watch/words.ts";
import { NAMES } from "../../src/testing/hosts/hosts.ts";
import type { Happened, Order, Played } from "./order.ts";

/** A cluster that somebody plays with ends after this, virtual ms. */
export const MOST_PLAYED_MS = 600_000;

/** Runs it. `hash`: of the trace. @throws {Error} that says which part of the order is wrong. */
export async function play(order: Order, hash: (text: string) => string): Promise<Played> {
  const { id, run, actions, untilMs, wantsDigest = false } = order;
  const plan = planOf(run);
  const events: Happened[] = [];
  const options = {
    stateMachine: () => new KeyValue({ chunkSize: CHUNK_SIZE }),
    workload: keyValueWorkload(),
    trace: wantsDigest,
  };
  const { violation, trace, virtualMs } = await watch(plan, options, {
    watcher: (replica, atMs, shown) => void events.push([replica, atMs, shown]),
    direction: {
      actions,
      ...(run.kind === "play" && { opensEarly: true, untilMs: Math.min(untilMs ?? Infinity, MOST_PLAYED_MS) }),
    },
  });
  return {
    id,
    members: NAMES.slice(0, plan.replicas),
    events,
    endMs: virtualMs,
    violation: violation && {
      invariant: violation.invariant,
      words: wordsFor(violation.invariant),
      detail: violation.detail,
      atMs: violation.atMs,
    },
    digest: wantsDigest ? hash(trace.join("\n")) : null,
  };
}

function planOf(run: Order["run"]): Plan {
  if (run.kind === "play") return playground(run.replicas);
  const { seed, replicas } = run;
  const profile = PROFILES.find((one) => one === (run.profile ?? "default"));
  if (profile === undefined) throw new Error(`profile: expected ${PROFILES.join(", ")}, got ${run.profile}`);
  const kinds = run.kinds?.map((name) => {
    const kind = KINDS.find((one) => one === name);
    if (kind === undefined) throw new Error(`kinds: expected some of ${KINDS.join(", ")}, got ${name}`);
    return kind;
  });
  return drawWith(ELSEWHERE, seed, {
    ...(run.profile !== undefined && { profile }),
    ...(replicas !== undefined && { replicas }),
    ...(kinds && { kinds }),
  });
}

/** Runs that the page does not show. */
const ELSEWHERE = { epochs: elsewhere("the members change"), http: elsewhere("callers ask over HTTP") };

/** Refuses a plan in which this happens. */
function elsewhere(what: string): Lay {
  return ({ seed }) => {
    throw new Error(
      `seed ${seed}: ${what}, which the page does not show; pbft simulate --seed ${seed} --runs 1 runs it`,
    );
  };
}

/** A cluster in which nothing fails by itself. It is slow enough to be watched, and forgets early, so that one that is stopped soon has to fetch the state. */
function playground(replicas: number): Plan {
  return {
    seed: 1,
    replicas,
    durationMs: MOST_PLAYED_MS,
    signedClients: [],
    unsignedClients: [],
    network: {
      minLatencyMs: 8,
      meanLatencyMs: 4,
      mostLatencyMs: 40,
      ...NO_NETWORK_FAULTS,
    },
    disk: { commitMs: 1, readMs: 0.5, mostMs: 10, failures: 0 },
    skewsMs: [],
    checkpointInterval: 4,
    logWindow: 8,
    maxBatchRequests: 4,
    settings: { pipelineDepth: 4, viewTimeoutMs: 1_000, statusIntervalMs: 375 },
    faults: [],
    persistInputs: false,
    coldReplicas: [],
    wakeMs: 0,
    isCalm: false,
  };
}
