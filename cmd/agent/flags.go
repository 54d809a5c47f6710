package main

import (
	"cmp"
	"encoding"
	"flag"
	"slices"
	"strings"
	"time"

	"resoagent/cmd/agent/manual"
)

// The groups of the settings, as help and man page title them.
const (
	sourceGroup   = "Source"
	databaseGroup = "Database"
	filesGroup    = "Files"
	scheduleGroup = "Schedule"
	outputGroup   = "Output"
	paceGroup     = "Pace and sizes"
	faultsGroup   = "Faults and resuming"
)

// ownGroup has a command's flags that nobody put into a group.
const ownGroup = "Flags"

// labelled is the value of a flag with a label for those who read about it. The
// label stands on the value so that nothing has to be kept beside the flag set.
type labelled struct {
	flag.Value
	group  string
	shared bool // one of the settings
	order  int  // among the flags of its set; 0: nobody said
	// family and member: see manual.Flag.
	family, member string
	// aside: accepted, since one settings file serves all commands, but of no use
	// to this one.
	aside bool
	// refused: the value that was set last was none, and why.
	refused bool
	why     error
}

func (l *labelled) Set(text string) error {
	err := l.Value.Set(text)
	l.refused, l.why = err != nil, err
	return err
}

// IsBoolFlag tells the flag package that the flag may stand without a value.
func (l *labelled) IsBoolFlag() bool {
	b, ok := l.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// label gives a flag's label, and one that says nothing to a flag without.
func label(f *flag.Flag) *labelled {
	l, ok := f.Value.(*labelled)
	if !ok {
		l = &labelled{Value: f.Value, group: ownGroup}
		f.Value = l
	}
	return l
}

// grouped is a flag set that labels what is registered through it. The methods
// are those of flag.FlagSet.
type grouped struct {
	*flag.FlagSet
	title          string
	shared         bool
	family, member string
}

// group begins a group.
func (g *grouped) group(title string) { g.title = title }

// describe labels the flag that has just been registered.
func (g *grouped) describe(name string) {
	l := label(g.Lookup(name))
	l.group, l.shared = g.title, g.shared
	g.VisitAll(func(*flag.Flag) { l.order++ })
	if suffix, ok := strings.CutPrefix(name, g.member+"-"); ok && g.member != "" {
		l.family, l.member = g.family+"-"+suffix, g.member
	}
}

func (g *grouped) StringVar(p *string, name, value, usage string) {
	g.FlagSet.StringVar(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) BoolVar(p *bool, name string, value bool, usage string) {
	g.FlagSet.BoolVar(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) Bool(name string, value bool, usage string) *bool {
	p := g.FlagSet.Bool(name, value, usage)
	g.describe(name)
	return p
}

func (g *grouped) IntVar(p *int, name string, value int, usage string) {
	g.FlagSet.IntVar(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) Float64Var(p *float64, name string, value float64, usage string) {
	g.FlagSet.Float64Var(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) Uint64Var(p *uint64, name string, value uint64, usage string) {
	g.FlagSet.Uint64Var(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) DurationVar(p *time.Duration, name string, value time.Duration, usage string) {
	g.FlagSet.DurationVar(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) TextVar(p encoding.TextUnmarshaler, name string, value encoding.TextMarshaler, usage string) {
	g.FlagSet.TextVar(p, name, value, usage)
	g.describe(name)
}

func (g *grouped) Var(value flag.Value, name, usage string) {
	g.FlagSet.Var(value, name, usage)
	g.describe(name)
}

// only leaves those settings in a command's help that mean something to it. The
// others it accepts all the same.
func only(fs *flag.FlagSet, titles ...string) {
	fs.VisitAll(func(f *flag.Flag) {
		if l := label(f); l.shared {
			l.aside = !slices.Contains(titles, l.group)
		}
	})
}

// described turns a flag set into what is written about it: a command's own
// flags come before the settings.
func described(fs *flag.FlagSet, home string) (groups []manual.Group, aside []manual.Flag) {
	var all []*flag.Flag
	fs.VisitAll(func(f *flag.Flag) { all = append(all, f) })
	const last = 1 << 20
	slices.SortStableFunc(all, func(a, b *flag.Flag) int {
		x, y := label(a), label(b)
		return cmp.Or(
			compareBool(x.shared, y.shared),
			cmp.Compare(cmp.Or(x.order, last), cmp.Or(y.order, last)))
	})
	for _, f := range all {
		l := label(f)
		if l.aside {
			aside = append(aside, describedFlag(f, home))
			continue
		}
		i := slices.IndexFunc(groups, func(g manual.Group) bool { return g.Title == l.group && g.Shared == l.shared })
		if i < 0 {
			i = len(groups)
			groups = append(groups, manual.Group{Title: l.group, Shared: l.shared})
		}
		groups[i].Flags = append(groups[i].Flags, describedFlag(f, home))
	}
	return groups, aside
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func describedFlag(f *flag.Flag, home string) manual.Flag {
	l := label(f)
	plain := *f
	plain.Value = l.Value // the flag package names the kinds that it knows
	value, text := flag.UnquoteUsage(&plain)
	text = strings.TrimPrefix(text, value+": ")
	d := manual.Flag{Name: f.Name, Value: value, Text: text, Family: l.family, Member: l.member}
	switch def := f.DefValue; {
	case def == "false", def == "0", def == "0s":
	case kindOf(l) == durationKind:
		d.Default = strings.Replace(strings.Replace(def, "m0s", "m", 1), "h0m", "h", 1)
	case home != "" && strings.HasPrefix(def, home+"/"):
		d.Default = "~" + strings.TrimPrefix(def, home)
	default:
		d.Default = def
	}
	return d
}

// What kinds of values there are, as they are told to somebody who gave another.
const (
	boolKind     = "no value, or =true, or =false"
	wholeKind    = "a whole number"
	numberKind   = "a number"
	durationKind = "a duration, such as 250ms, 30s or 15m"
)

// kindOf names what a flag takes; "" if it takes anything.
func kindOf(l *labelled) string {
	getter, ok := l.Value.(flag.Getter)
	if !ok {
		return ""
	}
	switch getter.Get().(type) {
	case bool:
		return boolKind
	case int, int64, uint, uint64:
		return wholeKind
	case float64:
		return numberKind
	case time.Duration:
		return durationKind
	}
	return ""
}
