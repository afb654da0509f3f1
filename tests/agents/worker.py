"""The official SDK's own worker, as a program of somebody else runs it: `python -m tests.agents.worker`."""

import argparse
import asyncio

from anthropic import AsyncAnthropic


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--url", "--environment", "--key", "--folder"):
        parser.add_argument(name, required=True)
    parser.add_argument("--max-idle", type=float, default=60.0)
    parser.add_argument("--drain", action="store_true")
    given = parser.parse_args()
    work = AsyncAnthropic(base_url=given.url, api_key="not used").beta.environments.work
    if not given.drain:
        await work.worker(
            environment_id=given.environment,
            environment_key=given.key,
            workdir=given.folder,
            max_idle=given.max_idle,
            memory_sync_interval=5.0,
        ).run()
    poller = work.poller(
        environment_id=given.environment, environment_key=given.key, drain=True, auto_stop=False, block_ms=None
    )
    async for item in poller:
        # A process that gets one item has no key: the item's secret carries all that it needs.
        await work.worker(workdir=given.folder, max_idle=given.max_idle).handle_item(
            work_id=item.id, environment_id=item.environment_id, session_id=item.data.id, work_secret=item.secret
        )


if __name__ == "__main__":
    asyncio.run(main())
