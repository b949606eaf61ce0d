/**
 * Clients that send different requests to different replicas, give up what they asked, and ask for as much as they may; and callers over HTTP.
 * @module
 */
import type { ClientHabits } from "../clients/habits.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import { type Fault, faultyReplicas, type HostileBehaviour, type Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import { idsOf, quietPlan } from "./quiet.ts";

const BEHAVIOURS: readonly HostileBehaviour[] = [
  "split-timestamps",
  "given-up",
  "two-operations",
  "far-timestamps",
  "flooding",
];
/** The part of the runs in which hostile clients are the only fault. Then no primary may be replaced. */
const CALM = 0.7;

/** Adds hostile clients, and unsigned clients that ask several gateways at once. */
export function clients(plan: Plan, random: Random): Plan {
  const hostile = random.shuffled(BEHAVIOURS).slice(0, random.int(1, 3)).map((behaviour): Fault => {
    return { kind: "hostile-client", behaviour, seed: random.seed() };
  });
  const { unsignedClients } = plan;
  const [first] = plan.signedClients;
  const eager = {
    ...plan,
    unsignedClients: Array.from({ length: Math.max(1, unsignedClients.length) }, (_, i) => ({
      ...(unsignedClients[i] ?? { ...first!, operations: 8, bundle: 1, pipelining: 1 }),
      gateways: random.int(2, plan.replicas),
    })),
  };
  if (!random.chance(CALM)) return { ...eager, faults: [...plan.faults, ...hostile], isCalm: false };
  const calm = quietPlan(eager, hostile);
  const settings = { ...calm.settings, viewTimeoutMs: 600, statusIntervalMs: 225 };
  return { ...calm, settings, disk: { ...calm.disk, mostMs: 50 }, isCalm: true };
}

/** Virtual time of a run over HTTP, ms: real signatures and routes cost more than their stand-ins. Faults that begin later do not occur. */
const HTTP_MS = 25_000;
const [CALLS, POSTS] = [40, 6];
/** The part of the runs in which a correct replica is cut off from the others, but not from callers, and when. */
const CUT_OFF = 0.4;
const CUT_OFF_SPAN = { atMs: 0.2 * HTTP_MS, forMs: 0.6 * HTTP_MS };

/** Has the client library and programs that post to `/req` call over HTTP, amid the faults of the plan. */
export function http(plan: Plan, random: Random): Plan {
  const [own] = plan.signedClients;
  const habits = (operations: number, bundle: number): ClientHabits => {
    return { ...own!, operations, bundle, thinkMs: 0.4 * HTTP_MS * bundle / operations };
  };
  const liar = random.int(0, plan.replicas - 1) as ReplicaId;
  const lies: Fault[] = plan.replicas > 3 && faultyReplicas(plan).length === 0
    ? [{ kind: "byzantine", replica: liar, behaviours: ["lying-to-clients"], seed: random.seed() }]
    : [];
  const rest: Plan = {
    ...plan,
    // If nobody else is faulty, somebody lies to them.
    ...lies.length > 0 && { faults: [...plan.faults, ...lies], isCalm: false },
    durationMs: HTTP_MS,
    signedClients: [1, 2, 3].map(() => habits(CALLS, random.pick([1, 4, 8]))),
    limits: { ...plan.limits, sessionWindow: random.pick([8, 64]), sessionIdleMs: 600_000 },
    demands: random.chance(0.6) ? ["room"] : [],
    unsignedClients: [1, 2, 3].map(() => habits(POSTS, 1)),
    http: {
      seed: random.seed(),
      clients: random.int(2, 3),
      guests: 2,
      trouble: random.pick([0, 0.02, 0.1]),
      watchers: random.int(1, 2),
    },
  };
  return random.chance(CUT_OFF) ? withStale(rest, random) : rest;
}

/**
 * One whom the others can't reach, and its callers can, answers reads as of long ago. The liar votes as it should, so that there is something new, and
 * agrees with that one.
 */
function withStale(plan: Plan, random: Random): Plan {
  const faulty = faultyReplicas(plan);
  const correct = idsOf(plan).filter((id) => !faulty.includes(id));
  if (faulty.length !== 1 || correct.length !== plan.replicas - 1) return plan;
  const cut: Fault = { kind: "partition", side: [random.pick(correct)], isOneWay: false, ...CUT_OFF_SPAN };
  const others = plan.faults.filter(({ kind }) => !TOO_MUCH.has(kind)).map((fault): Fault =>
    fault.kind === "byzantine" ? { ...fault, behaviours: ["lying-to-clients"] } : fault
  );
  return { ...plan, faults: [...others, cut] };
}

/** Nothing would be executed meanwhile. */
const TOO_MUCH: ReadonlySet<Fault["kind"]> = new Set(["partition", "crash", "lost-kinds"]);
