/**
 * Texts for the events of the host: problems on the host or on the way to a member.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { Fields, Level } from "./format.ts";

/** What the log says of it. */
export function troubleEntry(
  trouble: HostEvent,
  nameOf: (id: ReplicaId) => string | number,
): { readonly level: Level; readonly event: string; readonly message: string; readonly fields: Fields } {
  const { kind: event } = trouble;
  switch (trouble.kind) {
    case "peer-unreachable": {
      const fields = { peer: nameOf(trouble.peer), reason: trouble.reason };
      return { level: "warn", event, message: "can't deliver to a member; it is tried again", fields };
    }
    case "peer-reached": {
      const fields = { peer: nameOf(trouble.peer), afterMs: Math.round(trouble.afterMs) };
      return { level: "info", event, message: "a member can be reached again", fields };
    }
    case "socket-failed": {
      const fields = { peer: nameOf(trouble.peer), reason: trouble.reason, retryMs: trouble.retryMs };
      return { level: "warn", event, message: "a WebSocket to a member failed; messages are POSTed instead", fields };
    }
    case "store-failed": {
      const fields = { reason: trouble.reason };
      return {
        level: "warn",
        event,
        message: "the store failed; nothing is sent that is not stored, and it is tried again",
        fields,
      };
    }
    case "accept-failed":
      return {
        level: "warn",
        event,
        message:
          "a connection could not be accepted, and idle ones were closed; raise the limit of open files, or put a proxy in front",
        fields: { reason: trouble.reason },
      };
    case "clock-wrong": {
      const message = `this host's clock is ${
        trouble.aheadMs > 0 ? "ahead of" : "behind"
      } those of the other members; set it by a time server (NTP)`;
      return { level: "warn", event, message, fields: { aheadMs: trouble.aheadMs } };
    }
    case "clock-right": {
      const fields = { aheadMs: trouble.aheadMs };
      return {
        level: "info",
        event,
        message: "this host's clock agrees with those of the other members again",
        fields,
      };
    }
  }
}
