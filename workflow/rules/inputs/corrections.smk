"""What people corrected, as inputs of the rules that make the outputs."""


def correction(name):
    """A correction with what is known of it, as an input; nothing where nobody corrected."""
    return [accepted(name), facts_of(accepted(name))] if name in CORRECTIONS else []


def corrected(named):
    """The same as a function of what an output is named after."""
    return lambda owner: correction(named(owner))


def of_corrected(wildcards):
    return CORRECTIONS[f"{wildcards.folder}/{wildcards.corrected}"]


def given_correction(wildcards):
    return str(of_corrected(wildcards).path)


def given_partner(wildcards):
    """The other direction of a transform to the template, if a person gave it as well."""
    target = of_corrected(wildcards).target
    both = [
        each
        for each in CORRECTIONS.values()
        if each.target.word == target.word == correctable.TEMPLATE
        and each.target.scan is target.scan
    ]
    return [str(each.path) for each in both if each.target is not target]


def raw_of_corrected(wildcards):
    target = of_corrected(wildcards).target
    return [raw_file(path) for path in (target.image, target.onto) if path]


def gate_of_corrected(wildcards):
    return passed_gate(of_corrected(wildcards).target.scan)


def target_of_corrected(wildcards):
    return of_corrected(wildcards).target


def version_of_correction(wildcards):
    """A parameter that changes when the file does, whatever its time says."""
    return of_corrected(wildcards).digest


def corrected_transform(wildcards):
    """The correction of a scan's transform to the reference."""
    scan = transform_scan(wildcards)
    return correction(to_reference(scan, STUDY.reference(scan)))


def corrected_directions(named):
    """The correction of the transform between a scan and the template, one way."""
    return lambda scan: correction(named(scan, scan.name, TEMPLATE.label))
