/** The reports' own style: it stands in the page. */
export const reportStyle = `
:root { color-scheme: light dark; --page: light-dark(#f8fafa, #0e1518); --surface: light-dark(#fff, #141c20);
  --line: light-dark(#e1e7e7, #2a383e); --text: light-dark(#12191c, #e6edee); --quiet: light-dark(#546267, #9aa9ad);
  --good: light-dark(#1a7340, #72cf90); --warn: light-dark(#855000, #edb853); --bad: light-dark(#b3261e, #ff938a);
  --sent: light-dark(#0b7d71, #55cdb9); --confirmed: light-dark(#1f5fbf, #8ab6ff); --delivered: light-dark(#b4570b, #f0a65a); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 0 0 12px; } h3 { font-size: 14px; margin: 24px 0 8px; }
section, article { margin: 24px 0; padding: 20px 24px; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
.headline { margin: 0; font-size: 20px; font-weight: 600; line-height: 1.35; text-wrap: balance; }
.headline.kept { color: var(--good); } .headline.broken { color: var(--bad); } .headline.none { color: var(--warn); }
.problem, td.bad, .bad td:last-child { color: var(--bad); } .good td:last-child { color: var(--good); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 16px 0 0; }
dt { color: var(--quiet); } dd { margin: 0; white-space: pre-line; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; } th, td { padding: 3px 10px 3px 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
td:not(.text), th[scope=row] { white-space: nowrap; }
th { font-weight: 500; } thead th { color: var(--quiet); } th[scope=row], .text { text-align: left; } td.text { overflow-wrap: anywhere; }
small { color: var(--quiet); font-size: 12px; font-weight: 400; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)); gap: 0 40px; }
.scroll { overflow-x: auto; } .events td:last-child { width: 60%; } small { white-space: normal; }
figure { margin: 0; } svg { width: 100%; height: auto; } svg text { fill: var(--quiet); font-size: 11px; }
.grid { stroke: var(--line); } .line { fill: none; stroke-width: 1.75; } line.mark { stroke: var(--warn); stroke-dasharray: 3 3; } svg text.mark { fill: var(--warn); }
.line.sent { stroke: var(--sent); } .line.confirmed { stroke: var(--confirmed); stroke-dasharray: 6 3; } .line.delivered { stroke: var(--delivered); stroke-dasharray: 2 3; }
rect.serves { fill: var(--sent); } rect.up { fill: var(--sent); opacity: .35; } rect.gone, rect.away { fill: var(--bad); }
figcaption { color: var(--quiet); font-size: 12px; } .key::before { content: ''; display: inline-block; width: 18px; margin: 0 5px 3px 10px; border-top: 2px solid; }
.key.sent::before { border-color: var(--sent); } .key.confirmed::before { border-color: var(--confirmed); border-top-style: dashed; } .key.delivered::before { border-color: var(--delivered); border-top-style: dotted; }

.key.serves::before { border-top: 8px solid var(--sent); } .key.up::before { border-top: 8px solid var(--sent); opacity: .35; } .key.away::before { border-top: 8px solid var(--bad); }
@media print { :root { color-scheme: light; } body { background: none; font-size: 11px; } section, article { padding: 0; border: 0; } article { break-before: page; } article:first-of-type { break-before: auto; } tr { break-inside: avoid; } .scroll { overflow: visible; } }
`;
