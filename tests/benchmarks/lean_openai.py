"""The leanest loop over the `openai` client that we could make: the yardstick for `mmdata annotate`.

    python lean_openai.py BASE_URL MANIFEST OUT CONCURRENCY

Raw responses on the aiohttp client, requests put together as bytes, answers appended to a file
without sync, no retries, no limits, no checks. Nobody should annotate with it.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient

base_url, manifest, out, concurrency = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
PROMPT = " 이 사진을 한국어 한 문장으로 설명하고 JSON으로 답하세요."


async def main() -> None:
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    client = AsyncOpenAI(
        api_key="none", base_url=base_url, max_retries=0, timeout=None, http_client=DefaultAioHttpClient(limits=limits)
    )
    lines = iter(manifest.open(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    done = 0
    with (out / "answers.jsonl").open("wb") as file:

        async def work() -> None:
            nonlocal done
            for line in lines:
                row = json.loads(line)
                text = json.dumps(row["id"] + PROMPT, ensure_ascii=False)
                body = b"".join(
                    (
                        f'{{"model": "gpt-4o-mini", "messages": [{{"role": "user", "content": [{{"type": "text", "text": {text}}}, '
                        '{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,'.encode(),
                        base64.b64encode(Path(row["image"]).read_bytes()),
                        b'"}}]}]}',
                    )
                )
                reply = await client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    content=body,
                    options={"headers": {"Content-Type": "application/json"}},
                )
                file.write(reply.content + b"\n")
                done += 1

        await asyncio.gather(*(work() for _ in range(concurrency)))
    print("RESULT", json.dumps({"rows": done}))


asyncio.run(main())
