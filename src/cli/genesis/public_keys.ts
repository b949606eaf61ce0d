/**
 * Checks public keys that people pass on. A private key has the same form, 64 hex digits, and one that is given in the place of a
 * public key would be shown to everybody, in the cluster file or in the chain of epochs, for good.
 * @module
 */
import type { Member } from "../../core/config.ts";
import { publicKeyBytes } from "../../crypto/ed25519.ts";
import { importKeyPair } from "../../crypto/mod.ts";
import { CliError, EXIT } from "../cli_error.ts";

/** What to do about a private key that was given to a program. */
const NEXT = "give the last line that pbft init --key NAME prints, not the file with the private key";

/**
 * Checks the keys of new members. `members`: all whose keys are known, these ones too.
 * @throws {CliError} that names the member. It does not repeat the key.
 */
export function checkPublicKeys(added: readonly Member[], members: readonly Member[]): void {
  for (const { name, publicKey } of added) {
    const own = importKeyPair(publicKey).publicKey;
    const owner = members.find((member) => member.publicKey === own);
    if (owner) {
      throw new CliError(`${name}: expected a public key, got the private key of ${owner.name}`, EXIT.usage, {
        next: `${NEXT}. Whoever has seen it can speak for ${owner.name}: give ${owner.name} another key`,
      });
    }
    if (isPoint(publicKey)) continue;
    throw new CliError(
      `${name}: expected a public key, got 64 hex digits that are no public key of Ed25519, perhaps a private key`,
      EXIT.usage,
      { next: NEXT },
    );
  }
}

const P = 2n ** 255n - 19n;
/** The constant d of the curve (RFC 8032). */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/** Whether these hex digits are a point of Ed25519 that can be a key. About half of all numbers are none. */
export function isPoint(publicKey: string): boolean {
  const bytes = publicKeyBytes(publicKey);
  if (bytes === undefined) return false;
  const y = bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n) & (2n ** 255n - 1n);
  // x^2 = u / v has a solution if u v is a square: Euler's criterion.
  const u = (y * y + P - 1n) % P;
  const v = (D * y % P * y + 1n) % P;
  return power(u * v % P, (P - 1n) / 2n) !== P - 1n;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let left = exponent, square = base; left > 0n; left >>= 1n, square = square * square % P) {
    if (left & 1n) result = result * square % P;
  }
  return result;
}
