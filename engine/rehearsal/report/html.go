package report

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
	"regexp"
)

// HTML writes the report as one page that needs nothing else: no script, no
// font, no image, nothing loaded. Its policy lets in its own style, by hash, and
// those of the drawing that was brought along.
func (r *Report) HTML(w io.Writer) error { return r.writeHTML(w, r.document(), false) }

// page is what the template is given.
type page struct {
	*document
	Style  template.CSS
	Policy string
	Chart  template.HTML
	One    bool // a single sheet of paper
}

var styles = regexp.MustCompile(`(?s)<style[^>]*>(.*?)</style>`)

func (r *Report) writeHTML(w io.Writer, d *document, one bool) error {
	sheets := []string{style}
	for _, m := range styles.FindAllStringSubmatch(r.chart, -1) {
		if !one {
			sheets = append(sheets, m[1])
		}
	}
	policy := "default-src 'none'; base-uri 'none'; form-action 'none'; style-src"
	for _, s := range sheets {
		sum := sha256.Sum256([]byte(s))
		policy += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return layout.Execute(w, page{d, template.CSS(style), policy, template.HTML(r.chart), one})
}

var layout = template.Must(template.New("report").Funcs(template.FuncMap{
	"shown":  shown,
	"quoted": quoted,
	"brief":  func(s string) bool { return len(s) <= 24 },
	"add":    func(a, b int) int { return a + b },
}).Parse(pageText))

// pageText is strict enough to be read as XML.
const pageText = `<!DOCTYPE html>
<html lang="en"{{if .One}} class="one"{{end}}>
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta name="referrer" content="no-referrer"/>
<title>{{shown .Kicker}}: {{shown .Title}}</title>
<style>{{.Style}}</style>
</head>
<body>
<div class="sheet">
{{- if .Banner}}
<div class="running" role="note"><span>{{shown .Banner}}</span></div>
{{- end}}
<div class="body">
<header class="cover">
<div class="top">
<div>
<p class="kicker">{{shown .Kicker}}</p>
<h1>{{shown .Title}}</h1>
<p class="sub">{{shown .Sub}}</p>
</div>
{{- with .Verdict}}
<p class="verdict {{.Tone}}"><small>Outcome</small>{{shown .Text}}</p>
{{- end}}
</div>
{{- if .Why}}
<ul class="why">
{{- range .Why}}
<li>{{shown .}}</li>
{{- end}}
</ul>
{{- end}}
</header>
{{- if not .One}}
<nav aria-label="Contents"><ol>
{{- range .Sections}}
<li><a href="#{{.ID}}">{{.N}}. {{shown .Title}}</a></li>
{{- end}}
</ol></nav>
{{- end}}
<main>
{{- range $n, $s := .Sections}}
<section id="{{.ID}}"{{if .Break}} class="page"{{end}} aria-labelledby="{{.ID}}-h">
<h2 id="{{.ID}}-h">{{with .N}}{{.}}. {{end}}{{shown .Title}}</h2>
{{- range $m, $b := .Blocks}}
{{- if eq .Kind "text"}}
<p class="note">{{shown .Text}}</p>
{{- else if eq .Kind "quote"}}
<blockquote>{{quoted .Text}}</blockquote>
{{- else if eq .Kind "head"}}
<h3>{{shown .Text}}{{with .Badge}} <span class="tag {{.Tone}}">{{shown .Text}}</span>{{end}}</h3>
{{- else if eq .Kind "list"}}
<ul class="points">
{{- range .Items}}
<li>{{if eq .Mark "+"}}<span class="k tag good">strength</span>{{else if eq .Mark "-"}}<span class="k tag warn">to improve</span>{{else}}<span class="k tag">noted</span>{{end}} {{shown .Text}}</li>
{{- end}}
</ul>
{{- else if eq .Kind "figures"}}
<dl class="figures">
{{- range .Figures}}
<div{{if .Tone}} class="{{.Tone}}"{{end}}><dt>{{shown .Name}}</dt><dd class="v">{{shown .Value}}</dd>{{if .Note}}<dd class="n">{{shown .Note}}</dd>{{end}}</div>
{{- end}}
</dl>
{{- else if eq .Kind "pairs"}}
<dl class="pairs{{if gt (len .Pairs) 7}} two{{end}}">
{{- range .Pairs}}
<div><dt>{{shown .Name}}</dt><dd>{{template "cell" .}}</dd></div>
{{- end}}
</dl>
{{- else if eq .Kind "table"}}
{{- if .Table.Rows}}
<div class="scroll"><table>
{{- if .Title}}
<caption>{{shown .Title}}</caption>
{{- end}}
<thead><tr>{{range .Table.Heads}}<th scope="col"{{if .Num}} class="num"{{else if .Wide}} class="wide"{{else if .Line}} class="line"{{end}}>{{shown .Text}}</th>{{end}}</tr></thead>
<tbody>
{{- $heads := .Table.Heads}}
{{- range .Table.Rows}}
<tr>{{range $i, $c := .}}{{with index $heads $i}}<td{{if .Num}} class="num"{{else if .Wide}} class="wide"{{else if .Line}} class="line"{{end}}>{{end}}{{template "cell" $c}}</td>{{end}}</tr>
{{- end}}
</tbody>
</table></div>
{{- else}}
{{- if .Title}}
<h3>{{shown .Title}}</h3>
{{- end}}
<p class="empty">{{shown .Table.Empty}}</p>
{{- end}}
{{- else if eq .Kind "bars"}}
{{- $id := printf "%s-%d" $s.ID $m}}
<figure class="chart"><figcaption>{{shown .Title}}</figcaption>
{{- with .Bars}}
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{{$id}}-t {{$id}}-d" width="{{.W}}" height="{{add .H 24}}" viewBox="0 0 {{.W}} {{add .H 24}}">
<title id="{{$id}}-t">{{shown $b.Title}}</title>
<desc id="{{$id}}-d">{{shown .Desc}} The table below has the same figures.</desc>
<defs><pattern id="{{$id}}-m" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="m" width="6" height="6"/><path class="ms" d="M0 0V6"/></pattern></defs>
<g><rect class="p" x="190" y="4" width="14" height="12" rx="2"/><text x="210" y="14">waits for people</text><rect fill="url(#{{$id}}-m)" x="320" y="4" width="14" height="12" rx="2"/><text x="340" y="14">the machine is at work</text></g>
<g transform="translate(0 24)">
{{- range .Marks}}
<path class="axis" d="M{{.X}} 4V{{$b.Bars.Base}}"/><text class="x" text-anchor="middle" x="{{.X}}" y="{{.TextY}}">{{.Text}}</text>
{{- end}}
{{- range .Rows}}
<g><title>{{.Full}}</title><text class="id" text-anchor="end" x="{{.LabelX}}" y="{{.TextY}}">{{.Name}}</text>
{{- if .HasP}}<rect class="p" x="{{.PeopleX}}" y="{{.BarY}}" width="{{.PeopleW}}" height="{{.BarH}}"/>{{end}}
{{- if .HasM}}<rect fill="url(#{{$id}}-m)" x="{{.MachineX}}" y="{{.BarY}}" width="{{.MachineW}}" height="{{.BarH}}"/>{{end -}}
<text class="w" x="{{.WordsX}}" y="{{.TextY}}">{{.Words}}</text></g>
{{- end}}
</g>
</svg>
{{- if .Left}}
<p class="note">{{.Left}}</p>
{{- end}}
{{- end}}
</figure>
{{- else if eq .Kind "picture"}}
<figure class="picture"><figcaption>{{shown .Title}}</figcaption>
{{$.Chart}}
</figure>
{{- else if eq .Kind "sign"}}
<div class="sign">
{{- range .Items}}
<div><p>{{shown .Text}}, date</p></div>
{{- end}}
</div>
{{- end}}
{{- end}}
</section>
{{- end}}
</main>
<p class="end">Made by firebreak from the journal of facts. The same record gives the same page.</p>
</div>
</div>
</body>
</html>
{{define "cell"}}{{if eq .Tone "dim"}}<span class="mute">{{shown .Text}}</span>{{else if .Tone}}<span class="tag {{.Tone}}">{{shown .Text}}</span>{{else if .Code}}<span class="c{{if brief .Text}} n{{end}}">{{shown .Text}}</span>{{else}}{{shown .Text}}{{end}}{{if .Sub}}{{if .Text}} {{end}}<span class="s">{{shown .Sub}}</span>{{end}}{{end}}
`
