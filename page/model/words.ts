/** The log in words. */
import type { ClusterFacts, Entry, PageEvent } from "./event.ts";

/** A line of the log. */
export interface Line {
  /** Equal lines of several replicas become one. */
  readonly key: string;
  /** What happened; `who` stands for the replicas' names. */
  readonly text: (who: string, many: boolean) => string;
  readonly isAlarm: boolean;
}

/** Why a primary is suspected. */
const SUSPICIONS: Readonly<Record<string, string>> = {
  "no-progress": "requests wait and nothing was executed",
  "overtaken": "a request waits while later ones were executed",
  "slow-time": "the agreed time does not go on",
  "slow-primary": "a request waits although there was room",
  "no-new-view": "the new view was not started in time",
  "hand-over": "the primary hands over",
};

/** The line of an event; `null`: it is not worth one. */
export function lineOf({ event, replica, n }: Entry, facts: ClusterFacts): Line | null {
  const name = (id: number) => facts.members[id] ?? `replica ${id}`;
  const line = (key: string, text: Line["text"], isAlarm = false): Line => ({ key, text, isAlarm });
  const s = (many: boolean) => (many ? "" : "s");
  switch (event.kind) {
    case "suspicion":
      return event.why === "withdrawn"
        ? line(`withdrawn ${event.view}`, (who, many) => `${who} trust${s(many)} the primary again`)
        : line(
          `suspicion ${event.view} ${event.why}`,
          (who, many) => `${who} want${s(many)} view ${event.view}: ${SUSPICIONS[event.why] ?? event.why}`,
        );
    case "view-change":
      return line(
        `view-change ${event.view}`,
        (who, many) => `${who} leave${s(many)} for view ${event.view}: ${leaving(event.why)}`,
      );
    case "new-view":
      return line(`new-view ${event.view}`, (who) => `${name(event.primary)} leads view ${event.view} at ${who}`);
    case "checkpoint-stable":
      return line(
        `stable ${event.sequence}`,
        (who, many) => `${who} ha${many ? "ve" : "s"} a stable checkpoint at ${event.sequence}`,
      );
    case "state-transfer":
      return line(
        `transfer ${event.phase} ${event.sequence}`,
        (who, many) =>
          event.phase === "started"
            ? `${who} fetch${many ? "" : "es"} the state of ${event.sequence}`
            : `${who} ha${many ? "ve" : "s"} the state of ${event.sequence}`,
      );
    case "recovered":
      return line(`recovered ${n}`, (who) => `${who} votes again, from ${event.sequence} on`);
    case "old-copy":
      return line(`old-copy ${n}`, (who) => `${who} finds that its store is an old copy`, true);
    case "contradiction":
      return line(
        `contradiction ${event.accused} ${event.sequence} ${event.message}`,
        (who, many) =>
          `${who} hold${s(many)} proof that ${name(event.accused)} contradicts itself (${event.message}${
            event.sequence === null ? "" : ` ${event.sequence}`
          })`,
        true,
      );
    case "operation-failed":
      return line(
        `failed ${event.sequence}`,
        (who) => `the machine failed at ${event.sequence}, at ${who}: ${event.error}`,
        true,
      );
    case "refused":
      return line(
        `refused ${event.from} ${event.message.kind} ${event.reason}`,
        (who, many) =>
          `${who} refuse${s(many)} a ${event.message.kind} from ${
            event.from === null ? "a client" : name(event.from)
          }: ${event.reason}`,
        event.from !== null,
      );
    case "peer-unreachable":
      return line(`unreachable ${event.peer}`, (who) => `${who} cannot reach ${name(event.peer)}`);
    case "peer-reached":
      return line(`reached ${event.peer}`, (who, many) => `${who} reach${many ? "" : "es"} ${name(event.peer)} again`);
    case "store-failed":
      return line(`store ${replica}`, (who) => `the store of ${who} fails: ${event.reason}`, true);
    case "clock-wrong":
      return line(
        `clock ${replica}`,
        (who) => `the clock of ${who} is ${Math.abs(event.aheadMs)} ms ${event.aheadMs < 0 ? "behind" : "ahead"}`,
        true,
      );
    case "state":
      return line(
        `state ${replica} ${event.state} ${n}`,
        (who) => `${who} ${STATES[event.state]}`,
        event.state === "stopped" || event.state === "lying",
      );
    case "unreachable":
      return line(`no stream ${replica}`, (who) => `the page cannot read ${who}: ${event.reason}`);
    case "gap":
      return line(
        `gap ${n}`,
        () => `${event.events.toLocaleString("en")} events are not shown: they came faster than they could be read`,
      );
    case "note":
      return line(`note ${n}`, () => event.text, event.isAlarm);
    case "replied":
      return line(
        `replied ${event.request}`,
        (who) =>
          `${shortClient(event.client)} is answered by ${who}: ${
            event.sequence === null ? event.status : `number ${event.sequence}, ${event.status}`
          }`,
      );
    default:
      return null;
  }
}

const STATES: Readonly<Record<Extract<PageEvent, { kind: "state" }>["state"], string>> = {
  running: "runs",
  stopped: "is stopped",
  paused: "is paused: it keeps its connections and answers nothing",
  cut: "is cut off from the others",
  lying: "lies from now on",
};

function leaving(why: string): string {
  if (why === "suspected") return "f + 1 suspect the primary";
  if (why === "handed-over") return "the primary hands over";
  return "the others have moved";
}

/** A client's name, or the start of its key. */
export function shortClient(client: string): string {
  return /^[0-9a-f]{64}$/.test(client) ? `client ${client.slice(0, 6)}` : client;
}

/** Names as people list them. */
export function listOf(names: readonly string[]): string {
  return names.length < 2 ? names[0] ?? "" : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
