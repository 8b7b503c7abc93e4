include: "workflow/Snakefile"


localrules:
    default,


# An included file's default target does not count: without this rule "snakemake" does nothing.
rule default:
    default_target: True
    input:
        rules.all.input,
