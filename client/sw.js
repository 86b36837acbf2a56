// Keeps the page's own files, so that it opens without its server and without a network. Whatever the network answers comes
// first, so a page that was rebuilt is seen at the next load; nothing else of the server's is touched.

const KEPT = 'wirescope-page';

// The page that asked for this worker was loaded without it, so its files are fetched once more, as a rule from the browser's
// own cache.
self.addEventListener('install', (event) => {
  event.waitUntil((async () => {
    const page = await fetch(self.registration.scope);
    const names = new Set((await page.clone().text()).match(/[\w-]+\.(?:css|js|wasm)\b/g));
    const kept = await caches.open(KEPT);
    await kept.put(self.registration.scope, page);
    await kept.addAll([...names].map((name) => new URL(name, self.registration.scope)));
    await self.skipWaiting();
  })());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  // Whatever is asked of it; other texts of this server's can be gone to as well.
  const isPage = request.mode === 'navigate' && url.pathname.replace(/index\.html$/, '') === new URL(self.registration.scope).pathname;
  const isFile = isPage || /\.(?:css|js|wasm)$/.test(url.pathname);
  if (request.method === 'GET' && url.origin === self.location.origin && isFile) {
    event.respondWith(answer(request, isPage));
  }
});

async function answer(request, isPage) {
  const kept = await caches.open(KEPT);
  const name = isPage ? self.registration.scope : request.url;
  try {
    const response = await fetch(request);
    if (response.ok) {
      if (isPage) await forgetOthers(kept, await response.clone().text());
      await kept.put(name, response.clone());
    }
    return response;
  } catch (error) {
    const response = await kept.match(name);
    if (response) return response;
    throw error;
  }
}

// A file's name has its digest in it: those that the page does not name any more are of an older build.
async function forgetOthers(kept, page) {
  for (const request of await kept.keys()) {
    const file = new URL(request.url).pathname.split('/').pop();
    if (file && !page.includes(file)) await kept.delete(request);
  }
}
