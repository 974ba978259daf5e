package scenario

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Print writes a report for people, as `go test` does: each failure with what was expected, what came and how it was decided,
// then a summary; with verbose also the tests that passed. A file that could not be run has its findings for others to print.
// Write errors are the writer's own business: it is a terminal or
// a buffer.
func Print(w io.Writer, r Report, verbose bool) {
	if len(r.Findings) > 0 {
		_, _ = fmt.Fprintf(w, "FAIL  %s: not run, it has findings\n", r.File)
		return
	}
	for _, t := range r.Tests {
		if len(t.Failures) == 0 {
			if verbose {
				_, _ = fmt.Fprintf(w, "--- ok    %s (%s)\n", t.Name, rounded(t.Elapsed))
			}
			continue
		}
		_, _ = fmt.Fprintf(w, "--- FAIL  %s (%s)\n", t.Name, rounded(t.Elapsed))
		for _, f := range t.Failures {
			_, _ = fmt.Fprintln(w, indent(r.File+":"+f.Text(), "    "))
		}
		for _, line := range t.repeated(r.File) {
			_, _ = fmt.Fprintln(w, "    "+line)
		}
	}
	skipped := ""
	if r.Skipped > 0 {
		skipped = fmt.Sprintf(", %d not run", r.Skipped)
	}
	if failed := r.Failed(); failed > 0 {
		_, _ = fmt.Fprintf(w, "FAIL  %s: %d of %s failed%s in %s\n", r.File, failed, tests(len(r.Tests)), skipped, rounded(r.Elapsed))
		return
	}
	_, _ = fmt.Fprintf(w, "ok    %s: %s%s in %s\n", r.File, tests(len(r.Tests)), skipped, rounded(r.Elapsed))
}

// repeated says which events were repeats, on a line each.
func (t Result) repeated(file string) []string {
	out := make([]string, 0, len(t.Repeats))
	for _, again := range t.Repeats {
		out = append(out, fmt.Sprintf("%s:%d: %s, so nothing comes of it", file, again.Line, again.What))
	}
	return cut(out)
}

func tests(n int) string {
	if n == 1 {
		return "1 test"
	}
	return fmt.Sprintf("%d tests", n)
}

// rounded is a duration that was measured, to three figures or so.
func rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond} {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d.Round(time.Microsecond)
}

// Text is the failure in words, on several lines; it begins with the line that it is about.
func (f Failure) Text() string {
	var b strings.Builder
	switch {
	case f.Got == "":
		fmt.Fprintf(&b, "%d: %s, but did not come\n  expected %s\n", f.Line, wordOf(f.List), f.Expected)
	case f.Expected == "":
		fmt.Fprintf(&b, "%d: %s that nobody expected\n  got      %s\n", f.Line, thingOf(f.List), f.Got)
	default:
		fmt.Fprintf(&b, "%d: not as expected\n  expected %s\n  got      %s\n", f.Line, f.Expected, f.Got)
	}
	for _, d := range f.Differences {
		b.WriteString(indent(d, "  ") + "\n")
	}
	if len(f.Trace) > 0 {
		b.WriteString("  how it was decided:\n" + indent(strings.Join(f.Trace, "\n"), "    ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func wordOf(list string) string {
	switch list {
	case keyCancelled:
		return "expected to be cancelled"
	case keySuppressed:
		return "expected to be suppressed"
	default:
		return "expected to be sent"
	}
}

func thingOf(list string) string {
	switch list {
	case keyCancelled:
		return "an alert was cancelled"
	case keySuppressed:
		return "something was suppressed"
	default:
		return "a message was sent"
	}
}

func indent(text, by string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) }

// The XML that CI servers read: GitLab and Jenkins agree on this part of JUnit's.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string         `xml:"name,attr"`
	Classname string         `xml:"classname,attr"`
	File      string         `xml:"file,attr"`
	Time      string         `xml:"time,attr"`
	Failures  []junitFailure `xml:"failure"`
	Errors    []junitFailure `xml:"error"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes reports as JUnit XML, a test suite for each file. A file that could not be run has one test case, with its
// findings as an error.
func WriteJUnit(w io.Writer, reports []Report) error {
	var all junitSuites
	for _, r := range reports {
		all.Suites = append(all.Suites, junitOf(r))
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	if err := encoder.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}

func junitOf(r Report) junitSuite {
	s := junitSuite{Name: r.File, Tests: len(r.Tests), Failures: r.Failed(), Time: seconds(r.Elapsed)}
	for _, t := range r.Tests {
		c := junitCase{Name: t.Name, Classname: r.File, File: r.File, Time: seconds(t.Elapsed)}
		if len(t.Failures) > 0 {
			texts := make([]string, len(t.Failures))
			for i, f := range t.Failures {
				texts[i] = r.File + ":" + f.Text()
			}
			texts = append(texts, t.repeated(r.File)...)
			message := fmt.Sprintf("%d expectations were not met", len(t.Failures))
			if len(t.Failures) == 1 {
				message, _, _ = strings.Cut(t.Failures[0].Text(), "\n")
			}
			c.Failures = []junitFailure{{Message: message, Text: strings.Join(texts, "\n")}}
		}
		s.Cases = append(s.Cases, c)
	}
	if len(r.Findings) > 0 {
		texts := make([]string, len(r.Findings))
		for i, f := range r.Findings {
			texts[i] = f.String()
		}
		s.Tests, s.Errors = 1, 1
		s.Cases = []junitCase{{
			Name: "the file can be run", Classname: r.File, File: r.File, Time: seconds(0),
			Errors: []junitFailure{{Message: texts[0], Text: strings.Join(texts, "\n")}},
		}}
	}
	return s
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
