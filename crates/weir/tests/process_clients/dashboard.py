"""The exporter's dashboard in headless Chromium, as somebody sees it.

Arguments: `ip:port` of the exporter, `ip:port` of the proxy, a directory for screenshots or nothing.
Ends with an error when the page is not as it should be.
"""

import http.client
import os
import re
import shutil
import sys
import threading

from playwright.sync_api import expect, sync_playwright

PATIENCE = 30_000
exporter, proxy, pictures = (sys.argv[1:] + [""])[:3]


def load(stop):
    host, port = proxy.rsplit(":", 1)
    while not stop.is_set():
        for name in ("good.example", "broken.example"):
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", "/", headers={"Host": name})
            connection.getresponse().read()
            connection.close()


def card(page, name):
    return page.locator("#sum .card").filter(has_text=name).locator("b")


def look(page, width, height, name):
    """Nothing is wider than the window."""
    page.set_viewport_size({"width": width, "height": height})
    inside = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert inside, f"something is wider than {width} pixels"
    cut = "[...document.querySelectorAll('#sum b')].every(e => e.scrollWidth <= e.clientWidth)"
    assert page.evaluate(cut), f"a number is cut at {width} pixels"
    if pictures:
        page.screenshot(path=os.path.join(pictures, name + ".png"), full_page=True)


def find(page, rows):
    """Of many clusters, the busiest are there, and whoever is looked for."""
    names = page.locator("#clusters tr:not(.backend) td:first-child")
    expect(page.locator("#hidden")).to_have_text("22 more are not shown", timeout=PATIENCE)
    expect(names).to_have_count(100)
    page.get_by_role("button", name="5xx/s").click()
    expect(names.first).to_have_text("broken", timeout=PATIENCE)
    page.get_by_role("searchbox").fill("idle-11")
    expect(names).to_have_count(11, timeout=PATIENCE)
    expect(page.locator("#hidden")).to_be_empty()
    page.get_by_role("searchbox").fill("nobody")
    expect(rows.filter(has_text="there is no such cluster")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="name").click()
    expect(rows.get_by_text("one", exact=True)).to_be_visible(timeout=PATIENCE)


def main():
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        troubles = []
        page.on("console", lambda said: said.type in ("error", "warning") and troubles.append(said.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"http://{exporter}/")
        expect(page.locator("#state")).to_contain_text("2 workers", timeout=PATIENCE)
        expect(card(page, "requests/s")).to_have_text("0", timeout=PATIENCE)
        expect(page.locator("#events")).to_contain_text("epoch 2: 1 added", timeout=PATIENCE)
        stop = threading.Event()
        thread = threading.Thread(target=load, args=[stop])
        thread.start()
        try:
            above_zero = re.compile("^(?!0$)[0-9.]+$")
            expect(card(page, "requests/s")).to_have_text(above_zero, timeout=PATIENCE)
            expect(card(page, "5xx/s")).to_have_text(above_zero, timeout=PATIENCE)
            rows = page.locator("#clusters tr")
            expect(rows.filter(has_text="good").first).to_be_visible()
            expect(rows.get_by_text("one", exact=True)).to_be_visible(timeout=PATIENCE)
            find(page, rows)
            # Some points of the curve.
            expect(page.locator("#line")).to_have_attribute("d", re.compile("L.*L.*L"), timeout=PATIENCE)
            look(page, 1440, 900, "wide")
            look(page, 360, 740, "narrow")
            page.emulate_media(color_scheme="dark")
            look(page, 1440, 900, "dark")
        finally:
            stop.set()
            thread.join()
        expect(card(page, "requests/s")).to_have_text("0", timeout=PATIENCE)
        assert not troubles, troubles
        browser.close()
    print("all is well")


main()
