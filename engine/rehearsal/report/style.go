package report

// style is the whole style sheet. A page is dark where its reader wants it so,
// and light on paper; nothing is told by color alone. On paper the banner is the
// head of a table, which a browser repeats on every page.
const style = `
:root{--bg:#f6f8fa;--paper:#fff;--fg:#1b1f24;--mut:#59636e;--line:#d8dee4;--soft:#f6f8fa;--accent:#0b5cad;
--good:#1a6f3c;--goodbg:#eaf6ee;--warn:#7d5200;--warnbg:#fff6dd;--bad:#b3261e;--badbg:#fdecea;--mutebg:#eef1f4;
--people:#6639ba;--peoplebg:#e6dcf9;--machine:#0b5cad;--ban:#7a1f00;--banbg:#ffe3d3;
--sans:-apple-system,BlinkMacSystemFont,"Segoe UI","Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media screen and (prefers-color-scheme:dark){:root{--bg:#0d1117;--paper:#161b22;--fg:#e6edf3;--mut:#9ba5b0;--line:#30363d;--soft:#1c2129;--accent:#79b8ff;
--good:#7ee2a8;--goodbg:#10291b;--warn:#e3b341;--warnbg:#2b220c;--bad:#ff8f87;--badbg:#3a1715;--mutebg:#22272e;
--people:#c4a7ff;--peoplebg:#33264f;--machine:#79b8ff;--ban:#ffb38f;--banbg:#40200f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;background:var(--bg)}
body{margin:0;color:var(--fg);font:15px/1.5 var(--sans)}
.body{max-width:1040px;margin:0 auto;padding:0 20px 64px}
.running{position:sticky;top:0;z-index:1;padding:7px 20px;background:var(--banbg);color:var(--ban);font-size:12.5px;font-weight:700;letter-spacing:.04em;text-align:center;border-bottom:1px solid var(--ban)}
.cover{padding:44px 0 8px}
.cover .top{display:flex;gap:24px;align-items:flex-start;justify-content:space-between}
.kicker{margin:0 0 6px;color:var(--mut);font-size:12.5px;font-weight:700;letter-spacing:.09em;text-transform:uppercase}
h1{margin:0 0 6px;font-size:32px;line-height:1.2;letter-spacing:-.01em;overflow-wrap:anywhere}
.sub{margin:0;color:var(--mut);font-size:16px;overflow-wrap:anywhere}
.verdict{flex:none;min-width:132px;padding:10px 18px;border:2px solid;border-radius:10px;text-align:center;font-size:24px;font-weight:700;line-height:1.2}
.verdict small{display:block;font-size:11px;font-weight:700;letter-spacing:.09em;text-transform:uppercase}
.why{margin:18px 0 0;padding:12px 18px 12px 36px;border-radius:8px;background:var(--soft);border:1px solid var(--line)}
.why li{margin:2px 0;overflow-wrap:anywhere}
nav ol{columns:2;column-gap:40px;margin:26px 0 0;padding:16px 20px;list-style:none;border:1px solid var(--line);border-radius:10px;background:var(--paper);font-size:14px}
nav li{break-inside:avoid;padding:2px 0}
nav a{color:var(--accent);text-decoration:none}
nav a:hover,nav a:focus-visible{text-decoration:underline}
section{margin-top:22px;padding:22px 26px 24px;background:var(--paper);border:1px solid var(--line);border-radius:12px}
h2{margin:0 0 14px;font-size:21px;line-height:1.3}
h3{margin:22px 0 8px;font-size:15.5px;line-height:1.4;overflow-wrap:anywhere}
h3 .tag{margin-left:8px;font-weight:600}
p{margin:10px 0;overflow-wrap:anywhere}
.note{color:var(--mut);font-size:13.5px}
blockquote{margin:10px 0;padding:10px 16px;border-left:4px solid var(--line);background:var(--soft);white-space:pre-wrap;overflow-wrap:anywhere}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.mute{color:var(--mut)}
.tag{display:inline-block;padding:1px 8px;border-radius:999px;font-size:12.5px;font-weight:600;background:var(--mutebg)}
.tag.good{background:var(--goodbg)}.tag.warn{background:var(--warnbg)}.tag.bad{background:var(--badbg)}
.verdict.good{background:var(--goodbg)}.verdict.warn{background:var(--warnbg)}.verdict.bad{background:var(--badbg)}.verdict.mute{background:var(--mutebg)}
dl{margin:0}dd{margin:0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(205px,1fr));gap:12px;margin:0 0 20px}
.figures div{padding:12px 16px;border:1px solid var(--line);border-left:4px solid var(--line);border-radius:8px;background:var(--soft)}
.figures .good{border-left-color:var(--good)}.figures .warn{border-left-color:var(--warn)}.figures .bad{border-left-color:var(--bad)}
.figures dt{color:var(--mut);font-size:12.5px;font-weight:600}
.figures .v{color:var(--fg);font-size:23px;font-weight:700;line-height:1.3;font-variant-numeric:tabular-nums}
.figures .bad .v{color:var(--bad)}
.figures .n{color:var(--mut);font-size:12.5px;overflow-wrap:anywhere}
.pairs{display:grid;grid-template-columns:minmax(120px,max-content) 1fr;border-top:1px solid var(--line)}
.pairs div{display:grid;grid-template-columns:subgrid;grid-column:1/-1;gap:20px;padding:7px 0;border-bottom:1px solid var(--line)}
@media (min-width:760px),print{.two{grid-template-columns:max-content 1fr max-content 1fr;column-gap:20px}.two div{grid-column:span 2}}
.pairs dt{color:var(--mut);font-weight:600}
.pairs dd{overflow-wrap:anywhere}
.s{display:block;color:var(--mut);font-size:12.5px;line-height:1.4;overflow-wrap:anywhere}
code,.c{font-family:var(--mono);font-size:.92em;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:10px 0}
table{width:100%;border-collapse:collapse;font-size:13.5px;line-height:1.45}
caption{padding:14px 0 8px;text-align:left;font-size:15.5px;font-weight:700}
th{padding:6px 10px;text-align:left;vertical-align:bottom;color:var(--mut);font-size:12px;font-weight:700;border-bottom:2px solid var(--line)}
td{padding:7px 10px;vertical-align:top;border-bottom:1px solid var(--line)}
td .t{overflow-wrap:break-word}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.num .s{white-space:normal}
.line,.c.n,td .tag{white-space:nowrap}
.wide{min-width:170px;overflow-wrap:anywhere}
.empty{padding:10px 14px;border-radius:8px;background:var(--soft);color:var(--mut)}
ul.points{margin:8px 0;padding:0;list-style:none}
ul.points li{position:relative;padding:3px 0 3px 104px;overflow-wrap:anywhere}
ul.points .k{position:absolute;left:0;top:5px;width:92px;text-align:center}
figure{margin:16px 0 6px}
figcaption{margin-bottom:6px;font-size:15.5px;font-weight:700}
figure svg{display:block;max-width:100%;height:auto}
.chart text{font:12px var(--sans);fill:var(--fg)}
.chart .id{font-family:var(--mono);font-size:11.5px}
.chart .w,.chart .x{fill:var(--mut)}
.chart .x{font-size:11px}
.chart .axis{stroke:var(--line);stroke-width:1}
.chart .p{fill:var(--people)}
.chart .m{fill:var(--machine)}
.chart .ms{stroke:var(--paper);stroke-width:2}
.sign{display:grid;grid-template-columns:repeat(3,1fr);gap:28px;margin-top:8px}
.sign div{padding-top:52px}
.sign p{margin:0;padding-top:6px;border-top:1px solid var(--fg);font-size:13px}
.end{margin:28px 0 0;color:var(--mut);font-size:12.5px;text-align:center}
.one .body{max-width:900px}.one section{margin-top:16px;padding:16px 22px}.one .cover{padding-top:28px}
@media (max-width:640px){.cover .top{display:block}.verdict{display:inline-block;margin-top:14px}nav ol{columns:1}section{padding:18px 16px}ul.points li{padding-left:0}ul.points .k{position:static;margin-right:8px}.sign{grid-template-columns:1fr}}
@page{size:A4;margin:13mm 14mm 15mm;@bottom-right{content:counter(page) " / " counter(pages);font:9px sans-serif;color:#59636e}}
@page wide{size:A4 landscape}
@media print{
.picture{page:wide;break-before:page;break-after:page}
html,body{background:#fff}
body{font-size:10.2pt;line-height:1.42}
.sheet{display:table;width:100%}
.running{position:static;display:table-header-group;break-inside:avoid;padding:0;background:none;font-size:8.5pt;border:0}
.running span{display:block;margin-bottom:5mm;padding:3px 8px;background:var(--banbg);border:1px solid var(--ban);border-radius:3px}
.body{display:table-row-group;max-width:none;padding:0}
.cover{padding:0}
h1{font-size:22pt}h2{font-size:14pt;margin-bottom:8px}h3,caption,figcaption{font-size:11pt}
nav ol{margin-top:14px;padding:10px 14px;font-size:9.5pt}
nav a{color:inherit}
section{margin-top:16px;padding:12px 0 0;border:0;border-top:1.5px solid var(--line);border-radius:0}
.page{break-before:page;border-top:0}
h2,h3,caption,figcaption{break-after:avoid}
tr,figure,.figures div,.pairs div,li,blockquote,.sign{break-inside:avoid}
thead{display:table-header-group;break-after:avoid}tbody tr:first-child{break-before:avoid}
table{font-size:8.8pt}th{font-size:8pt}.s,.figures .n,.figures dt{font-size:8.2pt}.tag{font-size:8.6pt}
td{padding:4.5px 8px}th{padding:4px 8px}
.figures{grid-template-columns:repeat(4,1fr);gap:8px}.figures div{padding:7px 10px}.figures .v{font-size:14pt}
.pairs div{padding:4px 0}
.line,.c.n,td .tag{white-space:nowrap}
.wide{min-width:32mm}.scroll{overflow:visible}
.verdict,.tag,.running span,.figures div,.why,.empty,blockquote,figure svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.one body,.one{font-size:8.6pt;line-height:1.32}.one h1{font-size:17pt}.one h2{font-size:11.5pt;margin-bottom:4px}.one table{font-size:7.7pt}.one .s{font-size:7.3pt}
.one section{margin-top:9px;padding:7px 0 0}.one .pairs div{padding:2.2px 0}.one td{padding:3px 6px}.one td:first-child{padding-left:0}.one .verdict{font-size:15pt;padding:5px 12px}.one .running span{margin-bottom:3mm}.one p{margin:5px 0}.one .cover{padding:0}.one .end{margin-top:6px}
.one .figures{grid-template-columns:repeat(7,1fr);gap:5px;margin-bottom:8px}.one .figures div{padding:4px 6px}.one .figures .v{font-size:9.6pt}.one .figures .n,.one .figures dt{font-size:6.8pt}
}
`
