// Opens walkthroughs in Chromium and does with them what readers do. `node run.js FOLDER CHROMIUM`
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const {chromium} = require('playwright-core');

const [folder, browser_path] = process.argv.slice(2);
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = [[1280, 900], [360, 740]];
let browser, failed = 0, passed = 0;

// A page that keeps what went wrong: script errors, messages, requests, dialogs.
async function open(name, {hash = '', width = 1280, height = 900, scheme = 'light', touch = false, csp = true} = {}) {
  const context = await browser.newContext({
    viewport: {width, height}, colorScheme: scheme, hasTouch: touch, bypassCSP: !csp, reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', e => page.wrong.push(`script error: ${e.message}`));
  page.on('console', m => { if (['error', 'warning'].includes(m.type())) { page.wrong.push(`console: ${m.text()}`); } });
  page.on('dialog', d => { page.wrong.push(`dialog: ${d.message()}`); d.dismiss(); });
  const home = `file://${path.join(folder, name)}.html`;
  page.on('request', r => { if (r.url().split('#')[0] !== home) { page.wrong.push(`request: ${r.url()}`); } });
  await page.goto(home + hash, {waitUntil: 'load'});
  if (hash) await settled(page);
  return page;
}

// The page has come to where its address leads: what is pointed at before is somewhere else a moment later.
const settled = page => page.evaluate(() => new Promise(done => {
  let y = -1, same = 0;
  const look = () => {
    same = scrollY === y ? same + 1 : 0;
    y = scrollY;
    if (same > 5) done(); else requestAnimationFrame(look);
  };
  look();
}));

async function close(page) {
  assert.deepStrictEqual(page.wrong, []);
  await page.context().close();
}

async function check(what, run) {
  try {
    await run();
    passed++;
    console.log(`ok    ${what}`);
  } catch (error) {
    failed++;
    console.log(`WRONG ${what}\n      ${String(error.message).split('\n').join('\n      ')}`);
  }
}

const id = text => `[id="${text}"]`;
const seen = (page, selector) => page.evaluate(s => {
  const r = document.querySelector(s).getBoundingClientRect();
  return r.height > 0 && r.bottom > 0 && r.top < innerHeight;
}, selector);
const inspector = page => page.locator('#inspector').innerText();

const SUITE = 'c0.server.r1.server_hello.cipher_suite';

(async () => {
  browser = await chromium.launch({executablePath: browser_path, args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ]});

  for (const name of ['tutorial', 'deep', 'several', 'evil']) {
    for (const [width, height] of SIZES) {
      for (const scheme of ['light', 'dark']) {
        await check(`${name}, ${width} px, ${scheme}: nothing loaded, no error, no sideways scroll, axe`, async () => {
          const page = await open(name, {width, height, scheme, csp: false});
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways');
          await page.evaluate(axe);
          const found = await page.evaluate(async () => (await window.axe.run(document, {resultTypes: ['violations']})).violations);
          const grave = found.filter(v => ['serious', 'critical'].includes(v.impact));
          const told = grave.map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`);
          assert.deepStrictEqual(told, []);
          await close(page);
        });
      }
    }
  }

  await check('under its own policy the script runs, and another one does not', async () => {
    const page = await open('tutorial');
    assert.ok(await page.locator('button[data-fold=open]').isVisible());
    await page.evaluate(() => {
      const s = document.createElement('script');
      s.textContent = 'window.stranger = 1';
      document.body.append(s);
    });
    assert.strictEqual(await page.evaluate(() => window.stranger), undefined);
    assert.ok(page.wrong.some(w => w.includes('Content Security Policy')));
    await page.context().close();
  });

  await check('a byte is clicked: its explanation appears, and the address is the field\'s', async () => {
    const page = await open('tutorial');
    const n = await page.locator(id(SUITE)).getAttribute('data-n');
    const byte = page.locator(`.dump b[data-n="${n}"]`).first();
    assert.strictEqual(await byte.innerText(), '0035');
    await byte.click();
    const said = await inspector(page);
    assert.match(said, /cipher_suite/);
    assert.match(said, /0x0035 = 53, TLS_RSA_WITH_AES_256_CBC_SHA/);
    assert.match(said, /one cipher suite that both will use/);
    assert.ok((await page.locator(id(SUITE)).getAttribute('class')).includes('on'));
    assert.ok((await byte.getAttribute('class')).includes('on'));
    assert.ok(page.url().endsWith('#' + SUITE));
    await page.locator('#inspector button').click();
    assert.ok(await page.locator('#inspector').isHidden());
    assert.strictEqual(await page.locator('.on').count(), 0);
    await close(page);
  });

  await check('pointing works both ways', async () => {
    const page = await open('tutorial', {hash: '#c0.server.r1'});
    const li = page.locator(id('c0.server.r1.server_hello.session_id'));
    await li.locator('> .what').hover();
    const n = await li.getAttribute('data-n');
    const lit = await page.locator('.dump b.on').evaluateAll(all => all.map(b => b.dataset.n));
    assert.ok(lit.length >= 2 && lit.every(x => x === n), `lit: ${lit}`);
    await page.locator(`.dump b[data-n="${n}"]`).first().hover();
    assert.ok((await li.getAttribute('class')).includes('on'));
    assert.match(await inspector(page), /session_id/);
    await page.locator(`${id('c0.server.r1')} h4`).hover();
    assert.ok(await page.locator('#inspector').isHidden());
    const group = page.locator(id('c0.server.r1.server_hello.random'));
    await group.locator('> .what').hover();
    const kinds = new Set(await page.locator('.dump b.on').evaluateAll(all => all.map(b => b.dataset.n)));
    assert.strictEqual(kinds.size, 2, 'a structure lights the bytes of all that is in it');
    await close(page);
  });

  await check('a tap on a phone shows the explanation without moving the bytes', async () => {
    const page = await open('tutorial', {width: 360, height: 740, touch: true, hash: '#c0.client.r2'});
    const byte = page.locator(`${id('c0.client.r2')} .dump b`).nth(3);
    const before = await byte.boundingBox();
    await byte.tap();
    assert.match(await inspector(page), /0x/);
    assert.strictEqual((await byte.boundingBox()).y, before.y);
    await close(page);
  });

  await check('the keyboard alone: to a dump, through its fields, to the list, and out', async () => {
    const page = await open('tutorial', {hash: '#c0.server.r1'});
    const dump = page.locator(`${id('c0.server.r1')} .dump`);
    await dump.focus();
    await page.keyboard.press('ArrowRight');
    assert.match(await inspector(page), /type/);
    await page.keyboard.press('ArrowRight');
    assert.match(await inspector(page), /version 0x0301/);
    await page.keyboard.press('ArrowLeft');
    assert.match(await inspector(page), /handshake/);
    await page.keyboard.press('Enter');
    assert.strictEqual(await page.evaluate(() => document.activeElement.getAttribute('href')), '#c0.server.r1.record.type');
    await page.keyboard.press('Escape');
    assert.ok(await page.locator('#inspector').isHidden());
    await close(page);
  });

  await check('Tab alone reaches the first dump', async () => {
    const page = await open('tutorial');
    let found = false;
    for (let i = 0; i < 80 && !found; i++) {
      await page.keyboard.press('Tab');
      found = await page.evaluate(() => document.activeElement.classList.contains('dump'));
    }
    assert.ok(found);
    await close(page);
  });

  for (const [width, height] of SIZES) {
    await check(`a link to a field is followed, ${width} px`, async () => {
      const page = await open('tutorial', {hash: `#${SUITE}`, width, height});
      await page.waitForTimeout(300);
      assert.ok(await seen(page, id(SUITE)));
      assert.match(await inspector(page), /TLS_RSA_WITH_AES_256_CBC_SHA/);
      await page.evaluate(() => { location.hash = '#c0.step6'; });
      await page.waitForTimeout(300);
      assert.ok(await seen(page, `${id('c0.step6')} h3`));
      await close(page);
    });
  }

  await check('a link into folded lists and rows unfolds them', async () => {
    const page = await open('tutorial');
    await page.locator('button[data-fold=close]').click();
    assert.ok(!await page.locator(id(SUITE)).isVisible());
    await page.evaluate(h => { location.hash = '#' + h; }, SUITE);
    await page.waitForTimeout(200);
    assert.ok(await seen(page, id(SUITE)));
    await close(page);
  });

  await check('a link in a long page lands where it leads', async () => {
    const page = await open('long');
    const ids = await page.evaluate(() => [...document.querySelectorAll('li[id$="server_hello.cipher_suite"]')].map(e => e.id));
    await page.evaluate(h => { location.hash = '#' + h; }, ids[ids.length - 2]);
    await page.waitForTimeout(800);
    assert.ok(await seen(page, id(ids[ids.length - 2])));
    await close(page);
  });

  await check('the arrows of the ladder lead to what they tell', async () => {
    const page = await open('tutorial');
    const targets = await page.locator('.ladder a').evaluateAll(all => all.map(a => a.getAttribute('href')));
    assert.ok(targets.length >= 15 && targets.includes('#c0.server.r2'));
    await page.locator('.ladder a[href="#c0.server.r2"]').click();
    await page.waitForTimeout(200);
    assert.ok(await seen(page, `${id('c0.server.r2')} h4`));
    await close(page);
  });

  await check('it prints: all lists open, no bar at the foot', async () => {
    const page = await open('tutorial', {hash: `#${SUITE}`});
    await page.emulateMedia({media: 'print'});
    assert.ok(await page.locator('#inspector').isHidden());
    assert.ok((await page.pdf({format: 'A4'})).length > 50000);
    await close(page);
  });

  await check('without script everything can be read', async () => {
    const context = await browser.newContext({javaScriptEnabled: false});
    const page = await context.newPage();
    await page.goto(`file://${path.join(folder, 'tutorial')}.html#${SUITE}`);
    assert.ok(await page.locator(id(SUITE)).isVisible());
    assert.ok(!await page.locator('button[data-fold=open]').isVisible());
    await context.close();
  });

  await check('a trace of 1,000 packets opens', async () => {
    const start = Date.now();
    const page = await open('long');
    await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
    const size = fs.statSync(path.join(folder, 'long.html')).size;
    console.log(`      in ${Date.now() - start} ms, ${(size / 1e6).toFixed(1)} MB`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await close(page);
  });

  await browser.close();
  console.log(`${passed} passed, ${failed} wrong`);
  process.exit(failed ? 1 : 0);
})();
