"""A stand-in for a vLLM 0.33 server that serves DiffusionGemma: its completions, over any network of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch

KNOWN = {"model", "prompt", "max_tokens", "temperature", "top_p", "top_k", "min_p", "ignore_eos", "logprobs"}
KNOWN |= {"logprob_token_ids", "return_tokens_as_token_ids", "vllm_xargs"}
XARGS = {"diffusion_seed_canvas", "diffusion_canvas_length", "diffusion_max_steps", "diffusion_read_only"}
NAMED = 128


class StandIn:
    """What the server answers to a body; `network` is (N, L) ids to (N, L, V) logits, `most` its `--max-logprobs`."""

    def __init__(self, network: Callable[[torch.Tensor], torch.Tensor], served: int = 256, most: int = 20):
        self.network, self.served, self.most = network, served, most
        self.bodies: list[dict] = []
        self.fails: list[int] = []  # statuses that the next requests get

    def refusal(self, body: dict) -> str | None:
        """As vLLM validates completions, sampling parameters and canvases."""
        extra = body.get("vllm_xargs", {})
        seed, width = extra.get("diffusion_seed_canvas"), extra.get("diffusion_canvas_length")
        if set(body) - KNOWN or set(extra) - XARGS:
            return "an unknown field"
        if body["temperature"] != 1.0 or extra.get("diffusion_read_only") != 1 or extra["diffusion_max_steps"] < 1:
            return "not a read"
        if not isinstance(width, int) or not 0 < width <= self.served:
            return "diffusion_canvas_length must be a positive integer no larger than the served canvas."
        if len(seed) != width:
            return f"diffusion_seed_canvas must hold exactly {width} ids, got {len(seed)}."
        if ids := body.get("logprob_token_ids"):
            if len(ids) > NAMED or body.get("logprobs") is None:
                return "logprob_token_ids"
        elif body["logprobs"] > self.most:
            return f"Requested sample logprobs of {body['logprobs']}, which is greater than max allowed: {self.most}"
        return None

    def answer(self, body: dict) -> tuple[int, dict]:
        """Status and object."""
        self.bodies.append(body)
        if self.fails:
            return self.fails.pop(0), {"error": {"message": "engine is busy"}}
        if (said := self.refusal(body)) is not None:
            return 400, {"error": {"message": said, "type": "BadRequestError", "code": 400}}
        canvas = body["vllm_xargs"]["diffusion_seed_canvas"]
        logits = self.network(torch.tensor([[*body["prompt"], *canvas]]))[0, len(body["prompt"]) :]
        rows = []
        for row in logits.float().log_softmax(dim=-1):
            ids = body.get("logprob_token_ids") or row.topk(min(body["logprobs"], len(row))).indices.tolist()
            best = int(row.argmax())  # what is sampled comes first
            rows.append({f"token_id:{id}": max(float(row[id]), -9999.0) for id in dict.fromkeys([best, *ids])})
        tokens = [next(iter(row)) for row in rows]
        return 200, {
            "object": "text_completion",
            "choices": [
                {
                    "index": 0,
                    "text": "",
                    "finish_reason": "length",
                    "logprobs": {
                        "text_offset": [0] * len(rows),
                        "token_logprobs": [row[token] for token, row in zip(tokens, rows)],
                        "tokens": tokens,
                        "top_logprobs": rows,
                    },
                }
            ],
        }


@contextmanager
def served(stand_in: StandIn):
    """The URL of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, value = (404, {}) if self.path != "/v1/completions" else stand_in.answer(body)
            said = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
