"""HAProxy and nginx as `bench/continuity` drives them: started, replaced while clients go on, ended.

Each has one operation that puts another process in the place of a running one: a reload of the
master of HAProxy, a binary upgrade of nginx. What had connections then stays until they end.
"""

import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  timeout connect 3s
frontend clear
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{https} ssl crt {directory}/both.pem alpn h2,http/1.1
  default_backend site
backend site
  server one 127.0.0.1:{site}
listen tcp
  mode tcp
  bind 127.0.0.1:{tcp}
  server one 127.0.0.1:{echo}
"""

NGINX = """
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
worker_processes {workers};
# No upgrade is possible while what came before the last one has connections.
worker_shutdown_timeout 5s;
events {{ worker_connections 1000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  upstream site {{ server 127.0.0.1:{site}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{http};
    listen 127.0.0.1:{https} ssl http2;
    ssl_certificate {directory}/site.pem;
    ssl_certificate_key {directory}/site.key;
    proxy_http_version 1.1;
    location / {{ proxy_pass http://site; proxy_set_header Connection ""; }}
    location /pipe {{
      proxy_pass http://site;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }}
  }}
}}
"""

NGINX_TCP = """
stream {{
  server {{ listen 127.0.0.1:{tcp}; proxy_pass 127.0.0.1:{echo}; }}
  server {{ listen 127.0.0.1:{udp} udp; proxy_pass 127.0.0.1:{mirror}; }}
}}
"""

NGINX_STREAM = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")


async def until(condition):
    """Waits for something that happens soon, or not at all."""
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise SystemExit("another program does not do what it is told")


def children(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return []


class Haproxy:
    """A master whose worker is replaced by a reload."""

    name, operation = "HAProxy", "reload (SIGUSR2)"
    carries_tcp, carries_udp = True, False

    def __init__(self, directory, values):
        self.directory = directory
        pem = (directory / "site.pem").read_text() + (directory / "site.key").read_text()
        (directory / "both.pem").write_text(pem)
        (directory / "haproxy.cfg").write_text(HAPROXY.format(**values))
        self.main = None

    async def start(self):
        log = open(self.directory / "haproxy.log", "a")
        self.main = subprocess.Popen(
            ["haproxy", "-W", "-f", self.directory / "haproxy.cfg"], stdout=log, stderr=log)
        await until(lambda: children(self.main.pid))

    async def upgrade(self):
        before = set(children(self.main.pid))
        self.main.send_signal(signal.SIGUSR2)
        await until(lambda: set(children(self.main.pid)) - before)

    def processes(self):
        return 1 + len(children(self.main.pid))

    def stop(self):
        self.main.terminate()
        self.main.wait()


class Nginx:
    """A main process that is replaced by another, step by step."""

    name, operation = "nginx", "binary upgrade (SIGUSR2, SIGWINCH, SIGQUIT)"

    def __init__(self, directory, values):
        self.directory = directory
        text = NGINX.format(**values)
        self.carries_tcp = self.carries_udp = NGINX_STREAM.exists()
        if self.carries_tcp:
            text = f"load_module {NGINX_STREAM};\n" + text + NGINX_TCP.format(**values)
        (directory / "nginx.conf").write_text(text)
        self.mains = []

    def pid(self, name="nginx.pid"):
        with contextlib.suppress(OSError, ValueError):
            return int((self.directory / name).read_text())
        return None

    async def start(self):
        # An upgrade executes what it was started as, which must be a path.
        subprocess.run([shutil.which("nginx"), "-c", self.directory / "nginx.conf"], check=True)
        await until(lambda: children(self.pid()))
        self.mains = [self.pid()]

    async def upgrade(self):
        old = self.pid()
        os.kill(old, signal.SIGUSR2)
        await until(lambda: self.pid() not in (None, old) and children(self.pid()))
        self.mains.append(self.pid())
        os.kill(old, signal.SIGWINCH)
        os.kill(old, signal.SIGQUIT)
        await until(lambda: not pathlib.Path(f"/proc/{old}").exists())

    def processes(self):
        alive = [main for main in self.mains if pathlib.Path(f"/proc/{main}").exists()]
        return len(alive) + sum(len(children(main)) for main in alive)

    def stop(self):
        for main in self.mains:
            with contextlib.suppress(OSError):
                os.kill(main, signal.SIGTERM)


def installed():
    """Those of them that are here."""
    return [other for other in (Haproxy, Nginx) if shutil.which(other.name.lower())]
