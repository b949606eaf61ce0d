/**
 * Cuts a replica off from the other members and joins it again, as a person wishes.
 * @module
 */
import { wrap } from "../../core/wrap.ts";
import type { HostedNode } from "../../http/mod.ts";
import type { Rejection, Transport } from "../../node/ports.ts";
import type { Interposer } from "../../runtime/host/interposer.ts";

const CUT_OFF: Rejection = {
  reason: "unavailable",
  kind: "unknown",
  detail: "cut off from the other members, on purpose",
};

/** A replica that can be cut off. Its clients still reach it. */
export class CutOff implements Interposer {
  /** Whether it is cut off now. */
  isCut = false;

  transport(inner: Transport): Transport {
    return wrap(inner, {
      send: (to, frames) => !this.isCut && (inner.send?.(to, frames) ?? false),
      deliver: (to, frames, signal) =>
        this.isCut ? Promise.reject(new Error(CUT_OFF.detail)) : inner.deliver(to, frames, signal),
    });
  }

  node(inner: HostedNode): HostedNode {
    const receive: HostedNode["receive"] = (frames, accept, by) =>
      this.isCut && typeof by === "number"
        ? Promise.resolve(frames.map(() => CUT_OFF))
        : inner.receive(frames, accept, by);
    const stream: HostedNode["stream"] = (frames, by, answer) => {
      if (this.isCut) frames.forEach(() => answer(CUT_OFF));
      else inner.stream(frames, by, answer);
    };
    return wrap(inner, { receive, stream });
  }

  /** Obeys one word. Returns whether it is known. */
  obey(word: string): boolean {
    if (word !== "cut" && word !== "join") return false;
    this.isCut = word === "cut";
    return true;
  }
}
