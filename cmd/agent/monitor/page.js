'use strict';
// Fetches the page again and puts its contents in the place of the old ones.
// Without it the page is refreshed as a whole, see the noscript element.
(function () {
  var quick = 2000, slow = 10000;
  function delay() {
    return document.querySelector('main[data-running]') ? quick : slow;
  }
  function fail(text) {
    var note = document.getElementById('connection');
    note.textContent = text;
    note.hidden = !text;
  }
  function refresh() {
    if (document.hidden) {
      setTimeout(refresh, quick);
      return;
    }
    fetch('/', {cache: 'no-store', signal: AbortSignal.timeout(8000)}).then(function (answer) {
      if (!answer.ok) throw new Error('HTTP ' + answer.status);
      return answer.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
      if (!fresh) throw new Error('no page');
      document.querySelector('main').replaceWith(document.adoptNode(fresh));
      fail('');
    }).catch(function (why) {
      fail('The agent does not answer (' + why.message + '). What stands here is as old as the time in the heading.');
    }).then(function () {
      setTimeout(refresh, delay());
    });
  }
  setTimeout(refresh, delay());
})();
