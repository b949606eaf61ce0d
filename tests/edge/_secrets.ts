/** Looks for a key in whatever form it may have slipped out. */

/** The form in which a text holds the key of this seed; `null`: it doesn't. */
export function holdsSecret(text: string, seed: string): string | null {
  const bytes = Uint8Array.from(seed.match(/../g)!, (pair) => parseInt(pair, 16));
  const base64 = btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
  const forms: Readonly<Record<string, string>> = {
    hex: seed,
    "base64": base64,
    "base64url": base64.replaceAll("+", "-").replaceAll("/", "_"),
    "a list of bytes": bytes.join(","),
    "a list of bytes, spaced": bytes.join(", "),
    "raw bytes": String.fromCharCode(...bytes),
  };
  // Half of it would be bad enough; base64 of what stands behind other bytes is shifted, so parts of it are looked for too.
  const lower = text.toLowerCase();
  if (lower.includes(seed.slice(0, 32)) || lower.includes(seed.slice(32))) return "hex";
  return Object.entries(forms).find(([, form]) => text.includes(form))?.[0] ?? null;
}
