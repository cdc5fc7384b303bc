'use strict';
(function () {
  var chosen = null, lit = [], inspector = null;

  function field(n) { return document.querySelector('.fields li[data-n="' + n + '"]'); }

  // The bytes of the fields n to last, in the record that holds `near`.
  function bytes(near, n, last) {
    var home = near.closest('.pair'), out = [];
    if (!home) { return out; }
    home.querySelectorAll('.dump b').forEach(function (b) {
      var at = +b.dataset.n;
      if (at >= n && at <= last) { out.push(b); }
    });
    return out;
  }

  function dark() {
    lit.forEach(function (e) { e.classList.remove('on'); });
    lit = [];
  }

  function light(li) {
    dark();
    if (!li) { return; }
    lit = bytes(li, +li.dataset.n, +(li.dataset.l || li.dataset.n));
    lit.push(li);
    lit.forEach(function (e) { e.classList.add('on'); });
  }

  function path(li) {
    var names = [];
    for (var e = li; e; e = e.parentElement.closest('li[data-n]')) {
      names.unshift(e.querySelector('.what > a').textContent);
    }
    return names.join(' \u203a ');
  }

  // Says in the bar at the foot of the page what a field says; `passing`: only while the pointer is there, which is
  // nothing to be read aloud.
  function tell(li, passing) {
    if (!inspector) {
      inspector = document.createElement('div');
      inspector.id = 'inspector';
      inspector.setAttribute('role', 'region');
      inspector.setAttribute('aria-label', document.body.dataset.inspector || 'Field');
      var said = document.createElement('div');
      said.setAttribute('aria-live', 'polite');
      var close = document.createElement('button');
      close.type = 'button';
      close.textContent = '\u00d7';
      close.setAttribute('aria-label', document.body.dataset.close || 'Close');
      close.addEventListener('click', function () { choose(null); });
      inspector.append(said, close);
      document.body.append(inspector);
    }
    inspector.hidden = !li;
    inspector.firstChild.setAttribute('aria-live', passing ? 'off' : 'polite');
    if (!li) { return; }
    var lines = [], line = function (cls, text) {
      var p = document.createElement('p');
      p.className = cls;
      p.textContent = text;
      lines.push(p);
    };
    line('path', path(li));
    line('said', li.querySelector('.what').textContent);
    var doc = li.querySelector(':scope > .doc');
    if (doc) { line('doc', doc.textContent); }
    inspector.firstChild.replaceChildren.apply(inspector.firstChild, lines);
  }

  function choose(li, quiet) {
    chosen = li;
    light(li);
    tell(li);
    if (li && !quiet) { history.replaceState(null, '', '#' + encodeURIComponent(li.id)); }
  }

  function open(e) {
    for (var d = e.closest('details'); d; d = d.parentElement && d.parentElement.closest('details')) { d.open = true; }
  }

  document.addEventListener('pointerover', function (event) {
    if (event.pointerType === 'touch') { return; }
    var b = event.target.closest('.dump b'), li = event.target.closest('.fields li[data-n]');
    if (b) {
      light(field(b.dataset.n));
      tell(field(b.dataset.n), true);
    } else if (event.target.closest('#inspector')) {
      return;
    } else if (li) {
      light(li);
    } else if (lit.length) {
      light(chosen);
      tell(chosen, true);
    }
  });

  document.addEventListener('click', function (event) {
    var b = event.target.closest('.dump b');
    if (b) {
      var li = field(b.dataset.n);
      if (!li) { return; }
      open(li);
      choose(li);
      // The list moves only where it stands beside the bytes: they must not run away under the pointer.
      if (window.matchMedia('(min-width: 70rem)').matches) { li.scrollIntoView({block: 'nearest'}); }
      return;
    }
    var link = event.target.closest('.fields .what > a');
    if (link) {
      event.preventDefault();
      choose(link.closest('li'));
    }
  });

  document.addEventListener('focusin', function (event) {
    var link = event.target.closest && event.target.closest('.fields .what > a');
    if (link) { light(link.closest('li')); }
  });

  document.addEventListener('keydown', function (event) {
    if (event.key === 'Escape' && chosen) { choose(null); return; }
    var dump = event.target.closest && event.target.closest('.dump');
    if (!dump || event.target !== dump) { return; }
    var step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (event.key === 'Enter' && chosen) {
      open(chosen);
      chosen.querySelector('.what > a').focus();
      event.preventDefault();
    } else if (step) {
      var order = [];
      dump.querySelectorAll('b').forEach(function (b) {
        if (b.dataset.n !== order[order.length - 1] && order.indexOf(b.dataset.n) < 0) { order.push(b.dataset.n); }
      });
      if (!order.length) { return; }
      var at = chosen ? order.indexOf(chosen.dataset.n) : -1;
      at = at < 0 ? (step > 0 ? 0 : order.length - 1) : Math.min(Math.max(at + step, 0), order.length - 1);
      choose(field(order[at]));
      var b = dump.querySelector('b[data-n="' + order[at] + '"]');
      if (b) { open(b); b.scrollIntoView({block: 'nearest', inline: 'nearest'}); }
      event.preventDefault();
    }
  });

  // A link to a field, a record or a step: unfold what hides it.
  function follow() {
    var id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch (e) { /* a stray per cent sign: taken as it stands */ }
    var e = id && document.getElementById(id);
    if (!e) { return; }
    open(e);
    if (e.matches('.fields li[data-n]')) {
      choose(e, true);
      bytes(e, +e.dataset.n, +e.dataset.n).slice(0, 1).forEach(open);
    }
    settle(e, 8);
  }

  // Goes to an element, and again while what lies above it is still being laid out.
  function settle(e, times) {
    e.scrollIntoView({block: e.matches('li') ? 'center' : 'start'});
    if (times) { window.requestAnimationFrame(function () { settle(e, times - 1); }); }
  }
  window.addEventListener('hashchange', follow);
  follow();

  document.querySelectorAll('button[data-fold]').forEach(function (button) {
    button.hidden = false;
    button.addEventListener('click', function () {
      document.querySelectorAll('.fields details').forEach(function (d) { d.open = button.dataset.fold === 'open'; });
    });
  });
  window.addEventListener('beforeprint', function () {
    document.querySelectorAll('details').forEach(function (d) { d.open = true; });
  });
})();
