/** The simulator in a Web Worker: core, node and network, as `pbft simulate` runs them. Bundled by itself, and loaded when it is wanted. */
import { digestOf, installNodeCrypto } from "./node_crypto.ts";
import type { Answer, Order } from "./order.ts";
import { play } from "./play.ts";

/** What the worker's global object has of that of a page. */
interface Scope {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(answer: Answer): void;
}

installNodeCrypto();
const scope = globalThis as unknown as Scope;
scope.onmessage = ({ data: order }) => {
  play(order, digestOf).then(
    (played) => scope.postMessage(played),
    (error) => scope.postMessage({ id: order.id, failed: (error as Error).message }),
  );
};
