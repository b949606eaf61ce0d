/**
 * What a request must have to become a WebSocket (RFC 6455, section 4.2.1), looked at before the host is asked: it would throw.
 * @module
 */
import { Problem } from "../problem.ts";

/** @throws {Problem} 405 if it does not ask for a socket, 400 if it does so by half, or as a page in a browser does. */
export function checkUpgrade({ headers }: Request): void {
  const upgrade = headers.get("upgrade");
  if (upgrade?.toLowerCase() !== "websocket") {
    throw new Problem("method-not-allowed", {
      detail: "/messages takes POST, or GET to open a socket",
      field: "upgrade",
      expected: "websocket",
      got: upgrade ?? "none",
      headers: { allow: "POST" },
    });
  }
  // Every browser says which page it is that asks. No rule of CORS holds for sockets, and pages are no members.
  if (headers.has("origin")) {
    throw new Problem("not-accepted-here", { detail: "sockets are for members, not for pages", field: "origin" });
  }
  const connection = headers.get("connection") ?? "";
  if (!connection.toLowerCase().split(",").some((token) => token.trim() === "upgrade")) {
    throw incomplete("connection", "Upgrade", connection);
  }
  const version = headers.get("sec-websocket-version") ?? "";
  if (version !== "13") throw incomplete("sec-websocket-version", "13", version);
  const key = headers.get("sec-websocket-key") ?? "";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) throw incomplete("sec-websocket-key", "16 bytes as base64", key);
}

/** The host could not make a socket of it. */
export function notUpgraded(): Problem {
  return new Problem("malformed", { detail: "this request can't become a WebSocket", field: "upgrade" });
}

function incomplete(field: string, expected: string, got: string): Problem {
  return new Problem("malformed", {
    detail: `a request for a WebSocket needs the header ${field}: ${expected}`,
    field,
    expected,
    got: got === "" ? "none" : got,
  });
}
