// The stream of events, as a shared worker: a browser has few connections to a server, so all its pages share one. A page
// sends "open" and "close", and gets each event.

const pages = new Set()
let source = null

function tell(message) {
  for (const page of pages) page.postMessage(message)
}

function close() {
  source?.close()
  source = null
}

function open() {
  source = new EventSource('/api/v1/stream')
  for (const name of ['rates', 'devices']) source.addEventListener(name, e => tell({name, data: e.data}))
  source.onerror = () => {
    close()
    tell({name: 'error'})
  }
}

addEventListener('connect', ({ports: [page]}) => {
  page.onmessage = ({data}) => {
    if (data === 'open') {
      pages.add(page)
      if (!source) open()
    } else {
      pages.delete(page)
      if (pages.size === 0) close()
    }
  }
})
