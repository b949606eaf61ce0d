/**
 * How the commands fail: one line that says what to do, and an exit code.
 * @module
 */

/** The user can do something about it. Printed as one line, without a stack. */
export class CliError extends Error {
  override name = "CliError";
  /** @param exitCode 1; 2 for wrong arguments. */
  constructor(message: string, readonly exitCode: number = 1) {
    super(message);
  }
}

/** Runs a command and exits with its code; what it throws becomes one line on stderr. */
export async function runCommand(command: () => Promise<number>): Promise<never> {
  try {
    Deno.exit(await command());
  } catch (error) {
    const defect = !(error instanceof CliError);
    console.error(`error: ${defect ? (error instanceof Error ? error.stack : String(error)) : error.message}`);
    Deno.exit(defect ? 70 : error.exitCode);
  }
}

/** An operating system's error in few words, without its number. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!.replace(/ \(os error [0-9]+\)/, "").trim();
}
