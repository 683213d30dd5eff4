package report_test

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"grpcbench/loadgen/report"
)

//go:embed testdata/layout.js
var layout string

// browser is a Chromium without a window, which ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on the PATH, by the names chromium, chromium-browser, google-chrome and headless-shell")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 { // root has no sandbox
		options = append(options, chromedp.NoSandbox)
	}
	all, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(all)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// heard is what a page says beside what it shows; events come from the browser's own goroutine.
type heard struct {
	sync.Mutex
	faults, requests []string
}

func (h *heard) event(event any) {
	h.Lock()
	defer h.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		said := "console." + string(e.Type)
		for _, arg := range e.Args {
			said += " " + string(arg.Value) + arg.Description
		}
		h.faults = append(h.faults, said)
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		h.faults = append(h.faults, text)
	case *log.EventEntryAdded:
		h.faults = append(h.faults, fmt.Sprintf("log %s: %s", e.Entry.Level, e.Entry.Text))
	case *network.EventRequestWillBeSent:
		h.requests = append(h.requests, e.Request.URL)
	}
}

// The report of the repository's own runs, as it is seen on a desk and on a phone, by day and by night.
func TestReportInBrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	if err := report.Write("html", file, io.Discard, io.Discard,
		filepath.Join("..", "..", "results", "baseline")); err != nil {
		t.Fatal(err)
	}
	ctx := browser(t)
	for _, tt := range []struct {
		name          string
		width, height int64
		scheme        string
		phone         bool
	}{
		{"desk-light", 1280, 900, "light", false},
		{"desk-dark", 1280, 900, "dark", false},
		{"phone-light", 390, 844, "light", true},
		{"phone-dark", 390, 844, "dark", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab, end := chromedp.NewContext(ctx)
			defer end()
			var h heard
			if err := chromedp.Listen(tab, h.event); err != nil {
				t.Fatal(err)
			}
			var size []chromedp.EmulateViewportOption
			if tt.phone {
				size = append(size, chromedp.EmulateMobile)
			}
			call(tab, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: tt.scheme}},
			})
			do(tab, t, chromedp.EmulateViewport(tt.width, tt.height, size...), chromedp.Navigate("file://"+file))
			screenshots(tab, t, tt.name)
			checkLayout(tab, t, tt.scheme)
			checkPointing(tab, t)
			checkKeys(tab, t, tt.name)
			checkCopying(tab, t)
			if tt.name == "desk-dark" { // once, as it takes seconds: from a dark page, which paper is not
				if pdf := call(tab, t, page.PrintToPDF,
					page.PrintToPDFParams{PrintBackground: new(true)}).Data; !strings.HasPrefix(string(pdf), "%PDF-") {
					t.Errorf("printed, it begins %.20q", pdf)
				} else {
					keep(t, "print.pdf", pdf)
				}
			}
			h.Lock()
			defer h.Unlock()
			for _, fault := range h.faults {
				t.Error(fault)
			}
			if len(h.requests) == 0 {
				t.Error("not even the page was asked for: requests are not seen")
			}
			for _, url := range h.requests {
				if url != "file://"+file && !strings.HasPrefix(url, "data:") {
					t.Errorf("the page asks for %s", url)
				}
			}
		})
	}
}

// do does something with the page, which must succeed.
func do(ctx context.Context, t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// call asks the browser by its protocol.
func call[P, R any](ctx context.Context, t *testing.T, command cdp.Command[P, R], params P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// eval is the value of a script.
func eval[V any](ctx context.Context, t *testing.T, script string) V {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[V](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits for a script to be true: events reach a page some time after they were sent.
func eventually(ctx context.Context, t *testing.T, what, script string) bool {
	t.Helper()
	for range 250 {
		if eval[bool](ctx, t, script) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s: not so after 5 s", what)
	return false
}

func checkLayout(ctx context.Context, t *testing.T, scheme string) {
	t.Helper()
	for _, details := range []string{"closed", "open"} {
		do(ctx, t, chromedp.Evaluate[chromedp.Void](
			fmt.Sprintf(`document.querySelectorAll("details").forEach((d) => { d.open = %v; })`, details == "open")))
		got := eval[struct {
			Faults     []string `json:"faults"`
			Labels     int      `json:"labels"`
			Figures    int      `json:"figures"`
			Smallest   float64  `json:"smallest"`
			Background float64  `json:"background"`
		}](ctx, t, layout)
		for _, fault := range got.Faults {
			t.Errorf("details %s: %s", details, fault)
		}
		if got.Figures < 30 || got.Labels < 5*got.Figures {
			t.Errorf("%d figures with %d labels: the layout that was looked at is not the report's", got.Figures,
				got.Labels)
		}
		if dark := got.Background < 0.2; dark != (scheme == "dark") {
			t.Errorf("the background's luminance is %.2f in %s", got.Background, scheme)
		}
		if got.Smallest < 8 {
			t.Errorf("a figure's label is %.1f px high", got.Smallest)
		}
	}
	do(ctx, t, chromedp.Evaluate[chromedp.Void](
		`document.querySelectorAll("details").forEach((d) => { d.open = false; })`))
}

// tip says whether the tip tells the values of a place of the figure, which are a row of its table.
const tipTells = `(() => {
  const tip = document.getElementById("tip"), box = tip.getBoundingClientRect();
  const cells = [...document.querySelectorAll("section figure")][%d].querySelectorAll("tbody tr")[%d].cells;
  return !tip.hidden && box.height > 0 && box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight &&
    [...cells].every((c) => tip.textContent.includes(c.textContent));
})()`

// Pointing at any kind of figure tells the values below the pointer.
func checkPointing(ctx context.Context, t *testing.T) {
	t.Helper()
	for figure := range 5 { // the RPC's, and the four of its first run
		for i := range 3 {
			at := eval[[2]float64](ctx, t, fmt.Sprintf(`(async () => {
				const svg = [...document.querySelectorAll("section figure")][%d].querySelector("svg");
				svg.scrollIntoView({ block: "center", behavior: "instant" });
				await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
				const box = svg.querySelectorAll(".hit")[%d].getBoundingClientRect();
				return [box.left + box.width / 2, box.top + box.height / 2];
			})()`, figure, i))
			do(ctx, t, chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]))
			if !eventually(ctx, t, fmt.Sprintf("figure %d, place %d tells its values", figure, i),
				fmt.Sprintf(tipTells, figure, i)) {
				t.Logf("at %v the tip says %q", at, eval[string](ctx, t, `document.getElementById("tip").textContent`))
				return // the others would not, either, and each waits
			}
		}
	}
	do(ctx, t, chromedp.MouseEvent(chromedp.MouseMoved, 1, 1))
	eventually(ctx, t, "the tip goes with the pointer", `document.getElementById("tip").hidden`)
}

func checkKeys(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	const figure = 1
	eval[bool](ctx, t, fmt.Sprintf(`(async () => {
		const svg = [...document.querySelectorAll("section figure")][%d].querySelector("svg");
		svg.scrollIntoView({ block: "center", behavior: "instant" });
		svg.focus();
		await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
		return true;
	})()`, figure))
	for _, step := range []struct {
		key   string
		place int
	}{
		{kb.ArrowRight, 0},
		{kb.ArrowRight, 1},
		{kb.ArrowDown, 2},
		{kb.ArrowLeft, 1},
		{kb.ArrowUp, 0},
		{kb.ArrowLeft, 0},
	} {
		do(ctx, t, chromedp.KeyEvent(step.key))
		eventually(ctx, t, fmt.Sprintf("key %q comes to place %d", step.key, step.place),
			fmt.Sprintf(tipTells, figure, step.place))
	}
	if os.Getenv("GRPCBENCH_SCREENSHOTS") != "" {
		keep(t, name+"-tip.png", call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{}).Data)
	}
	do(ctx, t, chromedp.KeyEvent(kb.Escape))
	eventually(ctx, t, "Escape hides the tip", `document.getElementById("tip").hidden`)
}

// The button copies the id where the page may; where it may not it selects it.
func checkCopying(ctx context.Context, t *testing.T) {
	t.Helper()
	const button = `document.querySelector("button.copy")`
	const selected = `getSelection().toString() === ` + button + `.dataset.text`
	click := chromedp.Click(chromedp.CSS("button.copy"))
	do(ctx, t, click)
	eventually(ctx, t, "the id is copied, or selected",
		`document.querySelector("button.copy").textContent === "copied" || `+selected)
	for _, tt := range []struct{ what, answer, want string }{
		{"a page that may", `Promise.resolve()`, `copied === ` + button + `.dataset.text && ` + button +
			`.textContent === "copied"`},
		{"a page that may not", `Promise.reject(new Error("denied"))`, selected},
	} {
		do(ctx, t, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
			getSelection().removeAllRanges();
			%s.textContent = "copy";
			Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: (text) => { window.copied = text; return %s; } } });
		}`, button, tt.answer)), click)
		eventually(ctx, t, tt.what, tt.want)
	}
}

// keep writes a file into the folder that the environment names, where it names one.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if folder := os.Getenv("GRPCBENCH_SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// screenshots are of what differs most: tables, figures, and the experiments'.
func screenshots(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if os.Getenv("GRPCBENCH_SCREENSHOTS") == "" {
		return
	}
	for _, of := range []struct{ name, element string }{
		{"top", `document.querySelector("h1")`},
		{"rpc", `document.querySelector("section")`},
		{"stream", `document.querySelectorAll("section .figures")[document.querySelectorAll("section .figures").length >> 1]`},
		{"overhead", `document.querySelector("section > h3 + .figures")?.closest("section")`},
		{"deadlines", `document.querySelector(".matrix")?.closest("section")`},
	} {
		at := eval[[]float64](ctx, t, `(() => {
			const box = `+of.element+`?.getBoundingClientRect();
			return box ? [innerWidth, box.top + scrollY, Math.min(2400, document.documentElement.scrollHeight - box.top - scrollY)] : [];
		})()`)
		if len(at) == 0 {
			continue // no such experiment in the folder
		}
		shot := call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{
			CaptureBeyondViewport: new(true), Clip: &page.Viewport{Width: at[0], Y: at[1], Height: at[2], Scale: 1},
		})
		keep(t, name+"-"+of.name+".png", shot.Data)
	}
}
