import {Chart, Live} from './chart.js'
import {choice, el, setText} from './dom.js'
import {bytesOf, nameOf, rateOf, whatOf} from './list.js'
import {bits, bytes, clock, date, many, moment, month, percent, source, toWall, wall, weekday} from './text.js'

const hour = 3600e3,
  day = 24 * hour
const sum = ([a, b]) => a + b

// hoursOf returns the bars of the last 72 hours. The history leaves out hours without traffic.
function hoursOf(slots, scope, now) {
  const count = 72
  const last = Math.floor(toWall(now) / hour) * hour
  const known = new Map(slots.map(s => [Date.parse(s.start), s]))
  const ticks = []
  const items = Array.from({length: count}, (_, i) => {
    const hourly = last - (count - 1 - i) * hour
    const slot = known.get(hourly - (toWall(now) - now))
    const at = slot ? wall(slot.start) : hourly // they differ before a change to or from daylight saving time
    const [received, sent] = bytesOf(slot, scope)
    if (at % day === 0) ticks.push({x: i / count, text: weekday(at) + ' ' + date(at), start: true})
    return {x: (i + 0.5) / count, in: received, out: sent, title: `${weekday(at)} ${clock(at)} – ${clock(at + hour)}`}
  })
  return [items, ticks, 1 / count]
}

// daysOf returns the bars of the last 62 days.
function daysOf(slots, scope, now) {
  const count = 62
  const last = Math.floor(toWall(now) / day) * day
  const known = new Map(slots.map(s => [Math.floor(wall(s.start) / day) * day, bytesOf(s, scope)]))
  const ticks = []
  const items = Array.from({length: count}, (_, i) => {
    const at = last - (count - 1 - i) * day
    const [received, sent] = known.get(at) ?? [0, 0]
    if (new Date(at).getUTCDay() === 1) ticks.push({x: (i + 0.5) / count, text: date(at)})
    return {x: (i + 0.5) / count, in: received, out: sent, title: weekday(at) + ' ' + date(at)}
  })
  return [items, ticks, 1 / count]
}

// periodsOf returns the bars of the billing periods that are known, of at least twelve so that bars stay narrow.
function periodsOf(slots, scope) {
  const count = Math.max(12, slots.length)
  const ticks = []
  const items = slots.map((s, i) => {
    const x = (count - slots.length + i + 0.5) / count
    const [received, sent] = bytesOf(s, scope)
    const from = wall(s.start),
      to = wall(s.end) - day
    ticks.push({x, text: month(from)})
    return {x, in: received, out: sent, title: `${date(from)} – ${date(to)} ${new Date(to).getUTCFullYear()}`}
  })
  return [items, ticks, 1 / count]
}

// A History is the bar charts of what a device, or the network, moved.
export class History {
  #charts
  #tables
  #history = {hours: [], days: [], periods: []}
  #scope

  constructor(scope, changed) {
    this.#scope = scope
    const parts = [
      ['hours', '72 hours', hoursOf],
      ['days', '62 days', daysOf],
      ['periods', 'Months', periodsOf],
    ]
    const [scopes, press] = choice(
      'Traffic of the charts',
      [
        ['internet', 'internet'],
        ['lan', 'LAN'],
      ],
      v => {
        this.#scope = v
        changed(v)
        this.#draw()
      },
    )
    press(scope)
    this.#charts = parts.map(([name, title, bars]) => ({name, bars, title, chart: new Chart(title)}))
    this.#tables = this.#charts.map(({title}) => {
      const details = el(
        'details',
        {ontoggle: () => this.#fill()},
        el('summary', {}, 'as a table'),
        el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title}),
      )
      details.dataset.title = title
      return details
    })
    this.node = el(
      'section',
      {class: 'card history', 'aria-label': 'History'},
      el(
        'div',
        {class: 'tools'},
        el('h2', {}, 'History'),
        el('ul', {class: 'legend', 'aria-hidden': 'true'}, el('li', {class: 'down'}, 'down'), el('li', {class: 'up'}, 'up')),
        scopes,
      ),
      this.#charts.map((c, i) => el('figure', {class: c.name}, el('figcaption', {}, c.title), c.chart.node, this.#tables[i])),
    )
  }

  // set shows a history of the API, at the moment now.
  set(history, now) {
    this.#history = history
    this.now = now
    this.#draw()
  }

  #draw() {
    for (const c of this.#charts) {
      c.data = c.bars(this.#history[c.name] ?? [], this.#scope, this.now)
      c.chart.set(...c.data)
    }
    this.#fill()
  }

  // fill writes the tables that are open.
  #fill() {
    this.#tables.forEach((details, i) => {
      if (!details.open) return
      const rows = this.#charts[i].data[0].filter(r => r.in || r.out).reverse()
      details.lastChild.replaceChildren(
        el(
          'table',
          {},
          el('caption', {class: 'hidden'}, details.dataset.title),
          el(
            'thead',
            {},
            el(
              'tr',
              {},
              ['when', 'down', 'up'].map(t => el('th', {scope: 'col'}, t)),
            ),
          ),
          el(
            'tbody',
            {},
            rows.map(r => el('tr', {}, el('th', {scope: 'row'}, r.title), el('td', {}, bytes(r.in)), el('td', {}, bytes(r.out)))),
          ),
        ),
      )
    })
  }
}

// A DevicePage shows one device.
export class DevicePage {
  #state
  #heading = el('h1', {tabindex: -1})
  #what = el('p', {class: 'what'})
  #now = el('p', {class: 'big'})
  #down = el('span', {class: 'down'})
  #up = el('span', {class: 'up'})
  #lan = el('p', {class: 'note'})
  #tiles
  #live = new Live('Internet traffic of the last ten minutes')
  #started = false // the live chart
  #facts = el('dl', {class: 'facts'})
  #why = el('ul', {class: 'why'})
  #history
  #grafana = el('a', {class: 'button', hidden: true}, 'Dashboard in Grafana')
  #gone = el('p', {class: 'card empty', hidden: true}, 'There is no such device. It may have been forgotten.')
  #content

  constructor(id, state, options, changed) {
    this.id = id
    this.#state = state
    this.#history = new History(options.scope, v => {
      options.scope = v
      changed()
    })
    this.#now.append(this.#down, this.#up)
    const tile = name => {
      const big = el('p', {class: 'big'}),
        down = el('span', {class: 'down'}),
        up = el('span', {class: 'up'}),
        note = el('p', {class: 'note'})
      const ways = name === 'Today' || name === 'This month' ? el('p', {class: 'note'}, down, up) : null
      return {big, down, up, note, node: el('div', {class: 'tile'}, el('h2', {}, name), big, ways, note)}
    }
    this.#tiles = {today: tile('Today'), period: tile('This month'), share: tile('Share of the house'), standby: tile('Standby')}
    this.#content = el(
      'div',
      {class: 'content'},
      el(
        'section',
        {class: 'card tiles', 'aria-label': 'Traffic'},
        el('div', {class: 'tile'}, el('h2', {}, 'Internet now'), this.#now, this.#lan),
        Object.values(this.#tiles).map(t => t.node),
        this.#live.node,
      ),
      this.#history.node,
      el('section', {class: 'card', 'aria-label': 'About this device'}, el('h2', {}, 'About this device'), this.#facts),
      el('section', {class: 'card', 'aria-label': 'Evidence'}, el('h2', {}, 'Why these addresses are one device'), this.#why),
    )
    this.node = el(
      'div',
      {class: 'device'},
      el('nav', {}, el('a', {href: '#', class: 'back'}, '← All devices'), this.#grafana),
      el('div', {class: 'title'}, this.#heading, this.#what),
      this.#gone,
      this.#content,
    )
    this.update()
  }

  focus() {
    this.#heading.focus({preventScroll: true})
  }

  get name() {
    return nameOf(this.#device ?? {name: 'device ' + this.id})[0]
  }

  get #device() {
    return this.#state.byId.get(this.id)
  }

  // load fetches what is only shown here.
  async load(get) {
    const [detail, history] = await Promise.all([get('devices/' + this.id), get('history?device=' + this.id)])
    this.#gone.hidden = detail !== null
    this.#content.hidden = detail === null
    if (detail === null) return
    if (!this.#started || !this.#state.live) this.#live.start(detail.recent)
    this.#started = true
    this.#history.set(history ?? {}, this.#state.now)
    const why = detail.evidence ?? []
    this.#why.replaceChildren(
      ...(why.length > 0 ? why : ['Nothing has been learned about it yet.']).map(text => el('li', {}, text)),
    )
    this.#showFacts(detail)
    this.update()
  }

  // rates adds a point to the live chart.
  rates(time) {
    const device = this.#device
    if (device) this.#live.add(Date.parse(time), rateOf(this.#state.ratesOf(device), 'internet'))
    this.update()
  }

  #showFacts(device) {
    const time = text => (text ? moment(text, this.#state.now) : 'not yet')
    const facts = [
      ['Name', device.name + (source(device.source) ? ', from ' + source(device.source) : '')],
      ['Kind', device.kind],
      ['Vendor', device.vendor],
      ['MAC', device.mac],
      [device.addresses?.length > 1 ? 'Addresses' : 'Address', device.addresses ?? []],
      ['First seen', time(device.first_seen)],
      ['Last seen', device.active ? 'now' : time(device.last_seen)],
    ]
    this.#facts.replaceChildren(
      ...facts
        .filter(([, value]) => value?.length > 0)
        .flatMap(([name, value]) => [
          el('dt', {}, name),
          el(
            'dd',
            {},
            [value].flat().map(text => el('span', {}, text)),
          ),
        ]),
    )
  }

  // update shows the current numbers.
  update() {
    const device = this.#device,
      {network, live, status} = this.#state
    const [short, domain] = device ? nameOf(device) : [this.name, '']
    if (this.shown !== short + domain) {
      this.shown = short + domain
      this.#heading.replaceChildren(short, el('span', {class: 'domain'}, domain))
    }
    if (!device) return
    setText(this.#what, whatOf(device))
    const [down, up] = rateOf(this.#state.ratesOf(device), 'internet')
    setText(this.#down, live ? bits(down) : '–')
    setText(this.#up, live ? bits(up) : '–')
    setText(this.#lan, live ? 'LAN ' + bits(sum(rateOf(this.#state.ratesOf(device), 'lan'))) : '')
    this.#live.show(live ? this.#state.now : null)
    for (const name of ['today', 'period']) {
      const internet = bytesOf(device[name], 'internet')
      const tile = this.#tiles[name]
      setText(tile.big, bytes(sum(internet)))
      setText(tile.down, bytes(internet[0]))
      setText(tile.up, bytes(internet[1]))
      setText(tile.note, 'LAN ' + bytes(sum(bytesOf(device[name], 'lan'))))
    }
    const house = sum(bytesOf(network.period, 'internet'))
    setText(this.#tiles.share.big, percent(sum(bytesOf(device.period, 'internet')), house))
    setText(this.#tiles.share.note, `of ${bytes(house)} this month`)
    setText(this.#tiles.standby.big, bytes(device.standby_bytes ?? 0))
    setText(this.#tiles.standby.note, 'while idle, last 3 days')
    const grafana = status.grafana_url ?? ''
    this.#grafana.hidden = !/^https?:\/\//.test(grafana)
    if (this.#grafana.hidden) return
    const home = grafana.replace(/\/$/, '')
    this.#grafana.href = `${home}/d/gonetmon-device?var-device=${encodeURIComponent(device.name)}`
  }
}
