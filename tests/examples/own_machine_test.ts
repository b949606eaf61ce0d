/** examples/systemd, containers and kubernetes: tools accept the files, and names, ports and steps fit each other and the page. */
import { assert, assertEquals, assertGreater } from "@std/assert";
// deno-lint-ignore no-import-prefix -- for this test only
import { parse, parseAllDocuments } from "npm:yaml@2.9.1";
// deno-lint-ignore no-import-prefix -- for this test only
import { DockerfileParser } from "npm:dockerfile-ast@0.7.1";
// deno-lint-ignore no-import-prefix -- for this test only
import { validate } from "npm:dockerfile-utils@0.16.3";
// deno-lint-ignore no-import-prefix -- for this test only
import { StatefulSet } from "npm:kubernetes-models@5.1.0/apps/v1";
// deno-lint-ignore no-import-prefix -- for this test only
import { PodDisruptionBudget } from "npm:kubernetes-models@5.1.0/policy/v1";
// deno-lint-ignore no-import-prefix -- for this test only
import { Service } from "npm:kubernetes-models@5.1.0/v1";
import { CLI, run } from "./_process.ts";
import { root, textOf } from "../tools/files.ts";
import { freePort } from "../tools/ports.ts";

const page = textOf("docs/deploy_own_machine.md")!;
const dockerfile = textOf("examples/containers/Dockerfile")!;
const instructions = DockerfileParser.parse(dockerfile).getInstructions();

/** The arguments of each instruction of a kind; those in JSON form as the list that they are. */
function argumentsOf(keyword: string): string[][] {
  return instructions.filter((each) => each.getKeyword() === keyword).map((each) => {
    const text = each.getRawArgumentsContent()!;
    return text.startsWith("[") ? JSON.parse(text) : text.split(/\s+/);
  });
}

const imageEnv = Object.fromEntries(argumentsOf("ENV").flat().map((pair) => pair.split("=") as [string, string]));

/** The members of the `init` command in a part of the page: name and URL. */
function membersIn(part: string): Map<string, URL> {
  const section = page.split(/^## /m).find((text) => text.startsWith(part))!;
  const command = section.split("\n").find((line) => line.includes("mod.ts init"))!;
  return new Map([...command.matchAll(/(\S+)=(http\S+)/g)].map(([, name, url]) => [name!, new URL(url!)]));
}

Deno.test("a linter accepts the Dockerfile, and it runs as a user without rights", () => {
  assertEquals(validate(dockerfile), []);
  assertEquals(argumentsOf("USER"), [["${UID}:${UID}"]]);
  assertEquals(argumentsOf("ARG"), [["UID=1000"]]);
  assertEquals(argumentsOf("VOLUME"), [["/state"]]);
  assertEquals(imageEnv.PBFT_PORT, argumentsOf("EXPOSE")[0]![0]);
});

Deno.test("what the Dockerfile copies is enough to serve, and its health check tells a replica from none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const words of argumentsOf("COPY")) {
      const target = words.at(-1)!;
      for (const source of words.slice(0, -1)) await copy(source, `${folder}/${target === "./" ? source : target}`);
    }
    const [install] = argumentsOf("RUN").filter(([program]) => program === "deno");
    assertEquals((await run(install!, { cwd: folder })).code, 0);
    await run(["deno", "run", "-A", CLI, "init", "--folder", folder + "/pbft", ...urlArguments(membersIn("Docker"))]);
    const { DENO_DIR: _, ...settings } = imageEnv;
    const env = {
      ...settings,
      PBFT_PORT: `${freePort()}`,
      PBFT_CLUSTER: `${folder}/pbft/cluster.json`,
      PBFT_KEY: `${folder}/pbft/Apple/key`,
      PBFT_STATE: `${folder}/state/state.db`,
      PBFT_NAME: "Apple",
      PBFT_START: "new",
    };
    await Deno.mkdir(`${folder}/state`);
    const check = argumentsOf("HEALTHCHECK")[0]!.join(" ").replace(/^.*?CMD /, "");
    const isHealthy = async () => (await run(JSON.parse(check), { cwd: folder, env })).code === 0;
    assertEquals(await isHealthy(), false);
    const [command] = argumentsOf("ENTRYPOINT");
    const [, ...args] = command!.map((word) => word.replace("=/state", `=${folder}/state`));
    const replica = new Deno.Command(Deno.execPath(), {
      args: [...args, ...argumentsOf("CMD")[0]!],
      cwd: folder,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const until = Date.now() + 60_000;
      while (!await isHealthy()) assert(Date.now() < until, "it does not serve");
    } finally {
      replica.kill("SIGTERM");
    }
    assertEquals((await replica.status).code, 0);
    assert((await Deno.stat(env.PBFT_STATE)).isFile);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Copies a file or a folder of the repository, as COPY does. */
async function copy(source: string, target: string): Promise<void> {
  const from = new URL(source, root);
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    return await Deno.copyFile(from, target);
  }
  await Deno.mkdir(target, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await copy(`${source}/${name}`, `${target}/${name}`);
}

function urlArguments(members: ReadonlyMap<string, URL>): string[] {
  return [...members].map(([name, url]) => `${name}=${url.href}`);
}

Deno.test("compose.yml runs the members of the page, each with its own key, state and port", () => {
  const text = textOf("examples/containers/compose.yml")!;
  const { services, secrets, volumes, configs } = parse(text, { merge: true }) as {
    readonly services: Record<string, {
      readonly environment: Record<string, string>;
      readonly secrets: readonly [{ readonly source: string; readonly target: string }];
      readonly configs: readonly [{ readonly source: string; readonly target: string }];
      readonly volumes: readonly [string];
      readonly ports: readonly [string];
    }>;
    readonly secrets: Record<string, { readonly file: string }>;
    readonly configs: Record<string, { readonly file: string }>;
    readonly volumes: Record<string, unknown>;
  };
  const members = membersIn("Docker");
  assertEquals(Object.values(services).map((service) => service.environment.PBFT_NAME), [...members.keys()]);
  const published = new Set<string>();
  for (const [service, { environment, ...its }] of Object.entries(services)) {
    const url = members.get(environment.PBFT_NAME!)!;
    assertEquals([url.hostname, url.port], [service, imageEnv.PBFT_PORT]);
    const [{ source, target }] = its.secrets;
    assertEquals([secrets[source]!.file, `/run/secrets/${target}`], [
      `./pbft/${environment.PBFT_NAME}/key`,
      imageEnv.PBFT_KEY,
    ]);
    assertEquals([configs[its.configs[0].source]!.file, its.configs[0].target], [
      "./pbft/cluster.json",
      imageEnv.PBFT_CLUSTER,
    ]);
    assertEquals(its.volumes, [`${service}:/state`]);
    assert(service in volumes);
    assertEquals(environment.PBFT_START, "${PBFT_START:-resume}");
    const [, port] = /^127\.0\.0\.1:(\d+):8080$/.exec(its.ports[0])!;
    published.add(port!);
  }
  assertEquals(published.size, members.size);
});

const MODELS = { Service, PodDisruptionBudget, StatefulSet };

Deno.test("Kubernetes' schemas accept the objects, and the pods are the members of the page", () => {
  const objects = parseAllDocuments(textOf("examples/kubernetes/pbft.yml")!, { merge: true }).map((document) => {
    assertEquals(document.errors, []);
    return document.toJS();
  });
  assertEquals(objects.map(({ kind }) => kind), Object.keys(MODELS));
  for (const object of objects) new MODELS[object.kind as keyof typeof MODELS](object).validate();
  const [service, budget, set] = objects;
  const { spec: pod } = set.spec.template;
  const [container] = pod.containers;
  const expected = Array.from({ length: set.spec.replicas }, (_, i) => {
    return `${set.metadata.name}-${i}=http://${set.metadata.name}-${i}.${service.metadata.name}.default.svc:${imageEnv.PBFT_PORT}/`;
  });
  assertEquals(urlArguments(membersIn("Kubernetes")), expected);
  assertEquals(set.spec.serviceName, service.metadata.name);
  assertEquals(budget.spec.maxUnavailable, Math.floor((set.spec.replicas - 1) / 3));
  assertEquals([set.spec.podManagementPolicy, service.spec.publishNotReadyAddresses, pod.enableServiceLinks], [
    "Parallel",
    true,
    false,
  ]);
  for (const selector of [service.spec.selector, budget.spec.selector.matchLabels, set.spec.selector.matchLabels]) {
    assertEquals(selector, set.spec.template.metadata.labels);
  }
  assertEquals(String(container.ports[0].containerPort), imageEnv.PBFT_PORT);
  assertEquals([container.livenessProbe.httpGet.path, container.readinessProbe.httpGet.path], ["/healthz", "/readyz"]);
  const claimed = set.spec.volumeClaimTemplates.map((claim: { metadata: { name: string } }) => claim.metadata.name);
  const there = new Set([...claimed, ...pod.volumes.map(({ name }: { name: string }) => name)]);
  for (const { name } of container.volumeMounts) assert(there.has(name), name);
});

/** Whether the tool is on this machine, at a version that knows `--offline`. */
function hasSystemdAnalyze(): boolean {
  try {
    const { stdout, success } = new Deno.Command("systemd-analyze", { args: ["--version"] }).outputSync();
    return success && Number(/^systemd (\d+)/.exec(new TextDecoder().decode(stdout))?.[1]) >= 250;
  } catch {
    return false;
  }
}

const noSystemd = !hasSystemdAnalyze();
if (noSystemd) console.log("systemd-analyze is not on this machine: the test of the unit is left out.");

Deno.test({
  name: "systemd accepts the unit, and finds it well shut in",
  ignore: noSystemd,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const unit = textOf("examples/systemd/pbft@.service")!;
      assert(unit.includes("ExecStart=/usr/bin/deno "));
      for (const name of ["pbft@.service", "pbft@Dog.service"]) {
        await Deno.writeTextFile(`${folder}/${name}`, unit.replace("/usr/bin/deno", Deno.execPath()));
      }
      const verified = await run(["systemd-analyze", "verify", `${folder}/pbft@Dog.service`]);
      const complaints = verified.output.split("\n").filter((line) => line.includes("pbft@"));
      assertEquals([verified.code, complaints], [0, []]);
      const judged = await run(["systemd-analyze", "security", "--offline=true", `${folder}/pbft@Dog.service`]);
      const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(judged.output)?.[1]);
      assertGreater(2, exposure);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
