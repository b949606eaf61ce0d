import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { readKey, writeKey } from "../../src/cli/key_file.ts";

const KEY = "0123456789abcdef".repeat(4);

function inFolder(title: string, test: (folder: string) => void): void {
  Deno.test(title, () => {
    const folder = Deno.makeTempDirSync();
    try {
      test(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

inFolder("a key that was written is read, and gets no warning", (folder) => {
  writeKey(`${folder}/Apple/key`, KEY);
  assertEquals(readKey(`${folder}/Apple/key`), { privateKey: KEY });
});

inFolder("a key is read with a byte order mark and line ends of any kind around it", (folder) => {
  Deno.writeTextFileSync(`${folder}/key`, `\ufeff${KEY}\r\n\r\n`, { mode: 0o600 });
  assertEquals(readKey(`${folder}/key`), { privateKey: KEY });
});

inFolder("a key that others can read gets a warning that says how to change that", (folder) => {
  writeKey(`${folder}/key`, KEY);
  for (const [mode, bits] of [[0o644, "644"], [0o640, "640"], [0o604, "604"], [0o660, "660"]] as const) {
    Deno.chmodSync(`${folder}/key`, mode);
    const { warning = "" } = readKey(`${folder}/key`);
    assertStringIncludes(warning, `(mode ${bits}); run: chmod 600 ${folder}/key`);
    assertEquals(warning.includes(KEY), false);
  }
});

inFolder("what is no key is an error that names the file, and does not say what is in it", (folder) => {
  const contents = [
    "",
    KEY.slice(1),
    KEY.toUpperCase(),
    `${KEY} ${KEY}`,
    "-----BEGIN PRIVATE KEY-----",
    "\0".repeat(1e6),
  ];
  for (const content of contents) {
    Deno.writeTextFileSync(`${folder}/key`, content);
    const { message } = assertThrows(() => readKey(`${folder}/key`), CliError, `${folder}/key: expected `);
    assertEquals(content.length > 8 && message.includes(content.slice(0, 8)), false, message);
  }
  assertThrows(() => readKey(`${folder}/nowhere`), CliError, `${folder}/nowhere: No such file`);
  assertThrows(() => readKey(folder), CliError, folder);
});

inFolder("what is no key is wrong use of a verb for clients, and the next step is named", (folder) => {
  for (const path of [`${folder}/none`, folder]) {
    const { exitCode, lines } = assertThrows(() => readKey(path), CliError);
    assertEquals([exitCode, lines.next], [2, "name a key file that pbft keygen, init or dev has made"]);
  }
});
