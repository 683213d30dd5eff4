package message

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
)

// Texts makes the text of a request over HTTP: a target, or a body in JSON. It is read-only and may be used
// concurrently.
type Texts struct{ pieces []piece }

// piece is literal text, or that of a leaf, escaped for where it stands.
type piece struct {
	literal string
	leaf    *leafAt
	escape  func(string) string // nil in JSON
}

// mark stands for a leaf in text that is written before its value is known. Its letters are of nobody's use (Unicode's
// private area), and each way to escape text leaves them together.
const mark = "\uf8ff"

var marked = regexp.MustCompile(`"?(?:` + mark + `|` + url.QueryEscape(mark) + `)(\d+)(?:` + mark + `|` +
	url.QueryEscape(mark) + `)"?`)

// tree is the program's example as JSON has it, with marks in the places of its leaves.
func (p *Program) tree() (map[string]any, error) {
	encoded, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(p.example)
	if err != nil {
		return nil, fmt.Errorf("write the request as JSON: %w", err)
	}
	fields := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(encoded))
	d.UseNumber() // floats stay as they are written
	if err := d.Decode(&fields); err != nil {
		return nil, fmt.Errorf("write the request as JSON: %w", err)
	}
	for i := range p.leaves {
		if err := place(fields, p.leaves[i].names, mark+strconv.Itoa(i)+mark); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// place puts a value where the names lead.
func place(in any, names []any, value string) error {
	last := len(names) == 1
	switch name := names[0].(type) {
	case string:
		object, ok := in.(map[string]any)
		switch {
		case !ok:
			return errors.New("over HTTP there can be no slots within what has a JSON of its own")
		case last:
			object[name] = value
			return nil
		case object[name] == nil:
			object[name] = map[string]any{}
		}
		return place(object[name], names[1:], value)
	case int:
		list, ok := in.([]any)
		if !ok || name >= len(list) {
			return errors.New("over HTTP there can be no slots within what has a JSON of its own")
		}
		if last {
			list[name] = value
			return nil
		}
		return place(list[name], names[1:], value)
	}
	return nil
}

// texts parts a text at its marks. A target's are escaped as paths are, before its question mark, and as queries
// behind.
func (p *Program) texts(s string, target bool) *Texts {
	t := &Texts{}
	query := strings.IndexByte(s, '?')
	at := 0
	for _, found := range marked.FindAllStringSubmatchIndex(s, -1) {
		if found[0] > at {
			t.pieces = append(t.pieces, piece{literal: s[at:found[0]]})
		}
		i, err := strconv.Atoi(s[found[2]:found[3]])
		if err != nil || i >= len(p.leaves) {
			continue // somebody's own
		}
		x := piece{leaf: &p.leaves[i]}
		if target {
			x.escape = url.PathEscape
			if query >= 0 && found[0] > query {
				x.escape = url.QueryEscape
			}
		}
		t.pieces = append(t.pieces, x)
		at = found[1]
	}
	if at < len(s) {
		t.pieces = append(t.pieces, piece{literal: s[at:]})
	}
	return t
}

// Literal is the text where it never changes.
func (t *Texts) Literal() (string, bool) {
	switch {
	case len(t.pieces) == 0:
		return "", true
	case len(t.pieces) == 1 && t.pieces[0].leaf == nil:
		return t.pieces[0].literal, true
	default:
		return "", false
	}
}

// AppendTo appends the text of a moment.
func (t *Texts) AppendTo(dst []byte, m *Moment) ([]byte, error) {
	for _, p := range t.pieces {
		if p.leaf == nil {
			dst = append(dst, p.literal...)
			continue
		}
		var buf [128]byte
		value, err := p.leaf.text.append(buf[:0], m)
		if err != nil {
			return dst, err
		}
		text := string(value)
		if p.leaf.binary {
			text = base64.StdEncoding.EncodeToString(value)
		}
		switch {
		case p.escape != nil:
			dst = append(dst, p.escape(text)...)
		case p.leaf.quoted:
			quoted, err := json.Marshal(text)
			if err != nil {
				return dst, fmt.Errorf("write JSON: %w", err)
			}
			dst = append(dst, quoted...)
		default:
			dst = append(dst, text...)
		}
	}
	return dst, nil
}

// Lines are several texts, one after the other, a line's end between them.
type Lines []*Texts

// AppendTo appends the texts of a moment.
func (l Lines) AppendTo(dst []byte, m *Moment) (_ []byte, err error) {
	for i, t := range l {
		if i > 0 {
			dst = append(dst, '\n')
		}
		if dst, err = t.AppendTo(dst, m); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
