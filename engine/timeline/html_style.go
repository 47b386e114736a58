package timeline

// pageStyle is the style sheet of the page. It differs only in the words that
// stand on every printed page of an exercise, or of a private incident.
func pageStyle(r *Record) string {
	running := ""
	switch {
	case r.Incident.Mode == "exercise" && r.Incident.Private:
		running = "EXERCISE, PRIVATE"
	case r.Incident.Mode == "exercise":
		running = "EXERCISE, not a real incident"
	case r.Incident.Private:
		running = "PRIVATE"
	}
	return `
@page{size:A4 landscape;margin:14mm 12mm 14mm;@top-left{content:"` + running + `";font:700 9pt sans-serif;color:#b3261e}@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#59636e}}
` + sheetStyle
}

const sheetStyle = `
:root{--bg:#fff;--fg:#1b1f24;--mut:#59636e;--line:#d8dee4;--soft:#f6f8fa;--link:#0b5cad;--ok:#1a7f4b;--bad:#b3261e;--doubt:#b45309;--ex:#0a6b70;--ins:#eef7f1}
@media screen and (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--mut:#9ba5b0;--line:#2a323b;--soft:#161b22;--link:#79b8ff;--ok:#4cc38a;--bad:#ff8f87;--doubt:#e3b341;--ex:#56d4dd;--ins:#10211a}}
*{box-sizing:border-box}
html{background:var(--bg);color:var(--fg);font:14px/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI","Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;scroll-padding-top:1em}
body{max-width:1328px;margin:0 auto;padding:28px 24px 80px}
h1{font-size:27px;line-height:1.25;margin:0 0 14px;overflow-wrap:anywhere}
h2{font-size:18px;margin:38px 0 10px;padding-bottom:5px;border-bottom:1px solid var(--line)}
h3{font-size:15px;margin:24px 0 8px;font-variant-numeric:tabular-nums}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
.banner{margin:0 0 12px;padding:9px 14px;border-radius:6px;border:2px solid var(--bad);color:var(--bad)}
.banner strong{letter-spacing:.09em;margin-right:12px}
.banner.exercise{border-color:var(--ex);color:var(--ex);border-style:dashed}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:1px;margin:0 0 12px;border:1px solid var(--line);border-radius:8px;overflow:hidden}
dl div{padding:8px 14px;box-shadow:0 0 0 1px var(--line)}
dt{font-size:11px;font-weight:700;letter-spacing:.05em;text-transform:uppercase;color:var(--mut)}
dd{margin:1px 0 0;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:14px 0 0;font-weight:600}
.says{color:var(--mut);margin:8px 0}
.t{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:13px}
th{font-size:11px;font-weight:700;letter-spacing:.03em;text-align:left;color:var(--mut);background:var(--soft);white-space:nowrap;vertical-align:bottom}
th,td{padding:6px 11px;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child td{border-bottom:0}
td{overflow-wrap:anywhere;min-width:44px}
td:not([class]){min-width:120px}
td.w{overflow-wrap:normal}
td.v{overflow-wrap:break-word}
th.en{text-align:right}
td.at{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--mut)}
td.none{color:var(--mut)}
td.en{text-align:right;white-space:nowrap;color:var(--mut);font-variant-numeric:tabular-nums}
td.what{width:52%;min-width:260px}
td.data{font-size:11.5px;color:var(--mut);min-width:130px}
td.mk{font-weight:800;text-align:center;min-width:0}
.ok{color:var(--ok)}.bad{color:var(--bad)}.doubt{color:var(--doubt)}.going,.gone,.plain{color:var(--mut)}
tr:target td{background:var(--ins)}
tr.k-silence td{background:var(--soft);color:var(--mut);font-style:italic}
tr.k-inject td.what{border-left:3px solid var(--ex)}
tr.k-note td.what{border-left:3px solid var(--line)}
ins{display:block;text-decoration:none;background:var(--ins);border-radius:4px;padding:1px 6px}
small{display:block;color:var(--mut);margin:3px 0 1px;padding:0 6px}
del{display:block;text-decoration:none;color:var(--mut);border-left:2px solid var(--line);margin-left:6px;padding:0 6px}
ul{margin:6px 0;padding-left:20px}
li{margin:4px 0;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:12px}
li code{color:var(--mut)}
pre{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:12px 14px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:0 0 14px;border:1px solid var(--line);border-radius:8px;overflow-x:auto}
figcaption{color:var(--mut);padding:8px 16px 0}
figure svg{display:block;width:100%;min-width:900px;height:auto}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media print{
html{font-size:9.5pt}
body{max-width:none;padding:0}
nav{display:none}
h1{font-size:19pt}
h2{font-size:13pt;margin:20pt 0 6pt;break-after:avoid}
h3{break-after:avoid}
.t{border:0;overflow:visible}
table{font-size:8pt}
th{font-size:6.8pt}
th,td{padding:3pt 4pt}
td{min-width:0}
td.v{overflow-wrap:anywhere}
td:not([class]){min-width:0}
td.what{width:auto;min-width:0}
td.data{font-size:6.8pt;min-width:0}
thead{display:table-header-group}
tr{break-inside:avoid}
h2+.t,h2+ul,h2+.says{break-before:avoid}
figure{border:0;overflow:visible;break-inside:avoid;margin:0}
figure svg{min-width:0;max-height:158mm}
a{color:inherit}
.banner,ins,tr.k-silence td,th{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`
