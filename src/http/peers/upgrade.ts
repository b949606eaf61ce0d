/**
 * Checks that a request can become a WebSocket (RFC 6455, section 4.2.1) before the host is asked to upgrade it, as
 * hosts throw on a bad one.
 * @module
 */
import { Problem } from "../problem.ts";

/**
 * @throws {Problem} 405 if the request does not ask for a WebSocket; 400 if its headers are incomplete, or it comes
 * from a web page.
 */
export function checkUpgrade({ headers }: Request): void {
  const upgrade = headers.get("upgrade");
  if (upgrade?.toLowerCase() !== "websocket") {
    throw new Problem("method-not-allowed", {
      detail: "GET is allowed at /messages only to open a WebSocket; to send messages use POST",
      field: "upgrade",
      expected: "websocket",
      got: upgrade ?? "none",
      headers: { allow: "POST" },
    });
  }
  // Browsers send the header `origin` with the page's origin. CORS does not apply to WebSockets, and web pages are not
  // members.
  if (headers.has("origin")) {
    throw new Problem("not-accepted-here", {
      detail: "origin: expected no such header; web pages may not open sockets",
      field: "origin",
    });
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

/** The host could not upgrade the request. */
export function notUpgraded(): Problem {
  return new Problem("malformed", {
    detail: "the server could not upgrade this request to a WebSocket; use POST /messages",
    field: "upgrade",
  });
}

function incomplete(field: string, expected: string, got: string): Problem {
  return new Problem("malformed", {
    detail: `${field}: expected ${expected}, got ${
      got === "" ? "none" : got
    }; a WebSocket handshake needs it (RFC 6455)`,
    field,
    expected,
    got: got === "" ? "none" : got,
  });
}
