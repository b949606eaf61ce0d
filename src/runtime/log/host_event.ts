/**
 * The log's lines for events of the host: problems of the machine, or on the way to a member.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { Fields, Level } from "./format.ts";

/** The log entry of an event of the host. */
export function hostEventEntry(
  hostEvent: HostEvent,
  nameOf: (id: ReplicaId) => string | number,
): { readonly level: Level; readonly event: string; readonly message: string; readonly fields: Fields } {
  const { kind: event } = hostEvent;
  switch (hostEvent.kind) {
    case "peer-unreachable": {
      const fields = { peer: nameOf(hostEvent.peer), reason: hostEvent.reason };
      return { level: "warn", event, message: "messages to a member cannot be delivered; retrying", fields };
    }
    case "peer-reached": {
      const fields = { peer: nameOf(hostEvent.peer), afterMs: Math.round(hostEvent.afterMs) };
      return { level: "info", event, message: "a member is reachable again", fields };
    }
    case "socket-failed": {
      const fields = { peer: nameOf(hostEvent.peer), reason: hostEvent.reason, retryMs: hostEvent.retryMs };
      return { level: "warn", event, message: "a WebSocket to a member failed; messages go by POST instead", fields };
    }
    case "member-distrusted": {
      const fields = { peer: nameOf(hostEvent.peer), forMs: hostEvent.forMs };
      const message =
        "a member sends faulty or useless messages without end, and counts as a stranger for a while; ask its operator";
      return { level: "warn", event, message, fields };
    }
    case "store-failed": {
      const fields = { reason: hostEvent.reason };
      return {
        level: "warn",
        event,
        message: "the store failed; retrying, and sending nothing that is not stored",
        fields,
      };
    }
    case "store-works":
      return { level: "info", event, message: "the store works again", fields: {} };
    case "accept-failed":
      return {
        level: "warn",
        event,
        message: "a connection could not be accepted; raise the limit of open files, or put a proxy in front",
        fields: { reason: hostEvent.reason },
      };
    case "epoch-entered": {
      const { epoch, since, members, isMember } = hostEvent;
      const fields = { epoch, since, members: members.join(",") };
      if (isMember) return { level: "info", event, message: `runs in epoch ${epoch}`, fields };
      return {
        level: "warn",
        event,
        message: `is no member in epoch ${epoch}: it serves the chain of epochs, and the state to new members`,
        fields: { ...fields, urls: whereText(hostEvent.urls) },
      };
    }
    case "departed": {
      const message =
        "this replica was removed, and a quorum of the new members has the state: the cluster goes on there";
      return { level: "info", event, message, fields: { epoch: hostEvent.epoch, urls: whereText(hostEvent.urls) } };
    }
    case "epoch-failed":
      return {
        level: "error",
        event,
        message: "the next epoch could not be entered; trying again",
        fields: { reason: hostEvent.reason },
      };
    case "version-lacking": {
      const { version, has } = hostEvent;
      const message = "this member has not the version of the state machine that is in force, and takes no part; " +
        "start it with code that has it";
      return { level: "error", event, message, fields: { version, has: has.join(",") } };
    }
    case "key-rotated": {
      const { publicKey, epoch } = hostEvent;
      return { level: "info", event, message: "this member has a new key", fields: { epoch, publicKey } };
    }
    case "rotation-failed": {
      const message = "the key of this member is not changed yet; the former one stays in use, and it is tried again";
      return { level: "warn", event, message, fields: { reason: hostEvent.reason } };
    }
    case "state-damaged": {
      const message = "parts of the state in the store are damaged, and are fetched from the others; look at the disk";
      return { level: "warn", event, message, fields: { blobs: hostEvent.blobs } };
    }
    case "snapshot-saved": {
      const { sequence, bytes, tookMs } = hostEvent;
      return {
        level: "info",
        event,
        message: "a snapshot was saved",
        fields: { sequence, bytes, ms: Math.round(tookMs) },
      };
    }
    case "snapshot-failed":
      return {
        level: "warn",
        event,
        message: "a snapshot could not be saved; the next one is tried at its time",
        fields: { reason: hostEvent.reason },
      };
    case "clock-wrong": {
      const message = `this host's clock is ${
        hostEvent.aheadMs > 0 ? "ahead of" : "behind"
      } the other members' clocks; synchronize it with a time server (NTP)`;
      return { level: "warn", event, message, fields: { aheadMs: hostEvent.aheadMs } };
    }
    case "clock-right": {
      const fields = { aheadMs: hostEvent.aheadMs };
      return {
        level: "info",
        event,
        message: "this host's clock agrees with the other members' clocks again",
        fields,
      };
    }
  }
}

/** `Apple=http://…,Ball=http://…`. */
function whereText(urls: Readonly<Record<string, string>>): string {
  return Object.entries(urls).map(([name, url]) => `${name}=${url}`).join(",");
}
