// One walk through Lucid with the official TypeScript SDK; prints what it saw as JSON, for the test that runs it.
import Anthropic, { toFile } from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: process.env.LUCID_URL, apiKey: process.env.LUCID_KEY, maxRetries: 0 });
const seen = {};

async function agents() {
  const agent = await client.beta.agents.create({
    name: "Ann",
    model: "practice",
    tools: [{ type: "agent_toolset_20260401" }],
  });
  const changed = await client.beta.agents.update(agent.id, { version: agent.version, system: "Be brief." });
  seen.agent_versions = [agent.version, changed.version];
  seen.listed_agents = [];
  for await (const listed of client.beta.agents.list({ limit: 1 })) seen.listed_agents.push(listed.name);
  seen.versions = [];
  for await (const version of client.beta.agents.versions.list(agent.id)) seen.versions.push(version.version);
  seen.stale_update = await client.beta.agents
    .update(agent.id, { version: 1, name: "Bea" })
    .catch((error) => [error.status, error.error.error.type]);
  return agent;
}

async function memory() {
  const store = await client.beta.memoryStores.create({ name: "Field notes" });
  const made = await client.beta.memoryStores.memories.create(store.id, {
    path: "/notes/first.md",
    content: "Water boils at 100 °C.",
  });
  const changed = await client.beta.memoryStores.memories.update(made.id, {
    memory_store_id: store.id,
    content: "Water boils at 99 °C up here.",
    precondition: { type: "content_sha256", content_sha256: made.content_sha256 },
  });
  const read = await client.beta.memoryStores.memories.retrieve(made.id, { memory_store_id: store.id });
  seen.memory = [changed.content_sha256 === read.content_sha256, read.content];
  seen.memory_versions = [];
  for await (const version of client.beta.memoryStores.memoryVersions.list(store.id))
    seen.memory_versions.push(version.operation);
  seen.taken_path = await client.beta.memoryStores.memories
    .create(store.id, { path: "/notes/first.md", content: "" })
    .catch((error) => [error.status, error.error.error.type]);
  return store;
}

async function files() {
  const uploaded = await client.beta.files.upload({ file: await toFile(Buffer.from("a,b\n1,2\n"), "table.csv") });
  seen.file = [uploaded.filename, uploaded.size_bytes, uploaded.downloadable];
  const again = await client.beta.files.retrieveMetadata(uploaded.id);
  seen.same_file = again.id === uploaded.id;
  seen.download = await client.beta.files
    .download(uploaded.id)
    .catch((error) => [error.status, error.error.error.details.error_code]);
  return uploaded;
}

function program(...steps) {
  return [{ type: "user.message", content: [{ type: "text", text: `practice: ${JSON.stringify({ steps })}` }] }];
}

async function session(agent, store, file) {
  const environment = await client.beta.environments.create({ name: "box" });
  const session = await client.beta.sessions.create({
    agent: agent.id,
    environment_id: environment.id,
    resources: [
      { type: "memory_store", memory_store_id: store.id, access: "read_write" },
      { type: "file", file_id: file.id, mount_path: "table.csv" },
    ],
  });
  const stream = await client.beta.sessions.events.stream(session.id);
  await client.beta.sessions.events.send(session.id, {
    events: program(
      { tool: "bash", input: { command: "cat /mnt/session/uploads/table.csv | tee /mnt/session/outputs/copy.csv" } },
      { text: "Done" },
    ),
  });
  seen.streamed = [];
  for await (const event of stream) {
    seen.streamed.push(event.type);
    if (event.type === "agent.tool_result") seen.tool_result = event.content[0].text;
    if (event.type === "session.status_idle") break;
  }
  seen.listed = [];
  for await (const event of client.beta.sessions.events.list(session.id)) seen.listed.push(event.type);
  seen.outputs = [];
  for await (const output of client.beta.files.list({ scope_id: session.id })) {
    if (!output.downloadable) continue;
    const content = await (await client.beta.files.download(output.id)).text();
    seen.outputs.push([output.filename, content]);
  }
  seen.status = (await client.beta.sessions.retrieve(session.id)).status;
  seen.archived = (await client.beta.sessions.archive(session.id)).status;
  seen.deleted_file = (await client.beta.files.delete(file.id)).type;
}

const agent = await agents();
const store = await memory();
const file = await files();
await session(agent, store, file);
console.log(JSON.stringify(seen));
